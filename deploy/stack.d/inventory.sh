# What of this stack is in the account, and what it costs a month: one line each of kind, id, name and US dollars.

# price KEY: from the table that Terraform counts with.
price() {
    local found
    found=$(sed -nE "s/^ *\"?$1\"? *= *([0-9.]+).*/\1/p" "$root/deploy/terraform/prices.tf" | head -n 1)
    [ -n "$found" ] || fail "deploy/terraform/prices.tf has no price of $1"
    printf '%s\n' "$found"
}

# Ids are written down before anything is made or deleted: when a cluster is gone, nothing else says which volumes were its.
remember() {
    local kind=$1
    shift
    [ $# -gt 0 ] || return 0
    printf '%s\n' "$@" | sort -u - <(recalled "$kind") >"$state/$kind.new"
    mv "$state/$kind.new" "$state/$kind"
}
recalled() { [ ! -f "$state/$1" ] || cat "$state/$1"; }
as_json() { jq -R . | jq -cs .; }

# The clusters of our name that are there now.
clusters_now() { api_list /v2/kubernetes/clusters kubernetes_clusters | jq -c --arg name "$NAME" 'map(select(.name == $name))'; }

# Notes what belongs to our clusters: the API knows as long as a cluster is there.
remember_associated() {
    local id kind found networks
    for id in $(clusters_now | jq -r '.[].id'); do
        remember clusters "$id"
        found=$(api GET "/v2/kubernetes/clusters/$id/destroy_with_associated_resources") || continue
        for kind in load_balancers volumes volume_snapshots; do
            # shellcheck disable=SC2046
            remember "$kind" $(jq -r --arg kind "$kind" '.[$kind][]?.id' <<<"$found")
        done
    done
    networks=$(api_list /v2/vpcs vpcs | jq -r --arg name "$NAME" '.[] | select(.name == $name) | .id')
    # shellcheck disable=SC2086
    remember vpcs $networks
}

# line KIND DOLLARS: items of a JSON array on standard input as lines; DOLLARS is an expression of jq for one of them.
line() { jq -r --arg kind "$1" ".[] | [\$kind, (.id // .name | tostring), .name, ($2)] | @tsv"; }

inventory() {
    local clusters tags volumes networks sizes
    remember_associated
    clusters=$(recalled clusters | as_json)
    tags=$(jq -c 'map("k8s:" + .)' <<<"$clusters")
    networks=$(recalled vpcs | as_json)
    sizes=$(api_list /v2/sizes sizes | jq -c 'map({key: .slug, value: .price_monthly}) | from_entries')

    clusters_now | line cluster "if .ha then $(price ha_control_plane) else 0 end"
    api_list /v2/droplets droplets |
        jq -c --argjson tags "$tags" 'map(select(any(.tags[]?; IN($tags[]))))' |
        jq -r --argjson prices "$sizes" '.[] | ["node", (.id | tostring), .name, ($prices[.size_slug] // 0)] | @tsv'
    api_list /v2/load_balancers load_balancers |
        jq -c --argjson networks "$networks" --argjson known "$(recalled load_balancers | as_json)" \
            'map(select(IN(.vpc_uuid; $networks[]) or IN(.id; $known[])))' |
        line load-balancer "$(price load_balancer) * (.size_unit // 1)"
    volumes=$(api_list /v2/volumes volumes | jq -c --argjson tags "$tags" --argjson known "$(recalled volumes | as_json)" \
        'map(select(any(.tags[]?; IN($tags[])) or IN(.id; $known[])))')
    # shellcheck disable=SC2046
    remember volumes $(jq -r '.[].id' <<<"$volumes")
    line volume "$(price volume_gib) * .size_gigabytes" <<<"$volumes"
    api_list '/v2/snapshots?resource_type=volume' snapshots |
        jq -c --argjson tags "$tags" --argjson known "$(recalled volume_snapshots | as_json)" \
            --argjson volumes "$(recalled volumes | as_json)" \
            'map(select(any(.tags[]?; IN($tags[])) or IN(.id; $known[]) or IN(.resource_id; $volumes[])))' |
        line snapshot "$snapshot_gib * .size_gigabytes"
    registry_line
    api_list /v2/vpcs vpcs | jq -c --arg name "$NAME" 'map(select(.name == $name))' | line vpc 0
    api_list /v2/projects projects | jq -c --arg name "$NAME" 'map(select(.name == $name))' | line project 0
}

# Snapshots are nobody's plan, so Terraform's table has no price: docs.digitalocean.com/products/images/snapshots, 2026-12-01.
snapshot_gib=0.06

# The plan is the account's: it costs nothing without a registry, and no more with a second one.
registry_line() {
    local cents
    cents=$(api GET /v2/registries/subscription | jq '.subscription.tier.monthly_price_in_cents // 0') || cents=0
    api GET /v2/registries | jq -c --arg name "$REGISTRY" '[.registries[]? | select(.name == $name)]' | line registry "$cents / 100"
}

# show_inventory LINES: as a table with its sum.
show_inventory() {
    [ -n "$1" ] || { say "Nothing. It costs: 0 US dollars a month." && return 0; }
    awk -F '\t' '{ printf "  %-14s %-38s %8.2f\n", $1, $3, $4; sum += $4 }
        END { printf "  %-53s %8.2f US dollars a month\n", "", sum }' <<<"$1"
}
