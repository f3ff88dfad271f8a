# What of this stack is in the account, and what it costs a month: one line each of kind, id, name and US dollars.

# price KEY: from the table that Terraform counts with.
price() {
    local found
    found=$(sed -nE "s/^ *\"?$1\"? *= *([0-9.]+).*/\1/p" "$root/deploy/terraform/prices.tf" | head -n 1)
    [ -n "$found" ] || fail "deploy/terraform/prices.tf has no price of $1"
    printf '%s\n' "$found"
}

# Ids are written down before anything is made or deleted: when a cluster is gone, nothing else says which volumes were
# its.
remember() {
    local kind=$1
    shift
    [ $# -gt 0 ] || return 0
    printf '%s\n' "$@" | sort -u - <(recalled "$kind") >"$state/$kind.new"
    mv "$state/$kind.new" "$state/$kind"
}
recalled() { [ ! -f "$state/$1" ] || cat "$state/$1"; }
as_json() { jq -R . | jq -cs .; }

# --- what is ours: others in the account may have names like ours

# Whose account a token is for: a team's, or a person's.
account_id() { api GET /v2/account | jq -r '.account | .team.uuid // .uuid'; }

# The account, the registry and the region that `up` begins with. What it makes there is ours; nothing else is.
begin() {
    local account
    account=$(account_id)
    jq -n --arg account "$account" --arg registry "$REGISTRY" --arg region "$REGION" \
        '{account: $account, REGISTRY: $registry, REGION: $region}' >"$state/ours.new"
    mv "$state/ours.new" "$state/ours"
}

# begun_otherwise: says why this token, or these settings, are not those of the stack that was begun from here. Another
# registry may be another's; in another region, Terraform would make everything anew.
begun_otherwise() {
    local key begun account
    for key in REGISTRY REGION; do
        begun=$(jq -r --arg key "$key" '.[$key]' "$state/ours")
        [ "$begun" = "${!key}" ] || say "$NAME was begun with $key=$begun: put that into $settings"
    done
    account=$(account_id)
    [ "$(jq -r .account "$state/ours")" = "$account" ] ||
        say "$NAME was begun in another account than DIGITALOCEAN_TOKEN's"
}

# A random text which is in the descriptions of our network and our project, so that we know them from others of their
# names. Where there was no `up` from here it is empty: then names alone count, and a person is asked.
mark() { [ ! -f "$state/ours" ] || recalled mark; }
marked() {
    jq -c --arg name "$NAME" --arg mark "$(mark)" \
        'map(select(.name == $name and (.description // "" | contains($mark))))'
}
our_networks() { api_list /v2/vpcs vpcs | marked; }
our_projects() { api_list /v2/projects projects | marked; }
our_registries() {
    api GET /v2/registries | jq -c --arg name "$REGISTRY" '[.registries[]? | select(.name == $name)]'
}

# A cluster of our name in our network.
our_clusters() {
    local networks
    networks=$(our_networks | jq -c 'map(.id)')
    api_list /v2/kubernetes/clusters kubernetes_clusters | jq -c --arg name "$NAME" --argjson networks "$networks" \
        'map(select(.name == $name and IN(.vpc_uuid; $networks[])))'
}

# Notes what belongs to our clusters: the API knows as long as a cluster is there.
remember_associated() {
    local id kind found
    for id in $(our_clusters | jq -r '.[].id'); do
        remember clusters "$id"
        found=$(api GET "/v2/kubernetes/clusters/$id/destroy_with_associated_resources") || continue
        for kind in load_balancers volumes volume_snapshots; do
            # shellcheck disable=SC2046
            remember "$kind" $(jq -r --arg kind "$kind" '.[$kind][]?.id' <<<"$found")
        done
    done
}

# made_by_ours KIND DROPLETS: of a JSON array, what our clusters have made, also those that are gone: it has
# DigitalOcean's tag of one, or was seen to be one's, or is of a volume that was. What another cluster has been given
# since then (it has that one's tag too, or is attached to a Droplet that is not ours) is marked as taken.
made_by_ours() {
    local tags
    tags=$(recalled clusters | as_json | jq -c 'map("k8s:" + .)')
    jq -c --argjson tags "$tags" --slurpfile droplets <(printf '%s' "$2") \
        --argjson known "$(recalled "$1" | as_json)" --argjson volumes "$(recalled volumes | as_json)" '
        def tagged: any(.tags[]?; IN($tags[]));
        ($droplets[0] | map(select(tagged | not) | .id)) as $others
        | map(select(tagged or IN(.id; $known[]) or IN(.resource_id; $volumes[]))
            | .taken = (any(.tags[]?; test("^k8s:[0-9a-f]{8}-") and (IN($tags[]) | not))
                or any(.droplet_ids[]?; IN($others[]))))'
}
untaken() { jq -c 'map(select(.taken | not))'; }

# The volumes that were taken, as lines.
taken_volumes() {
    api_list /v2/volumes volumes | made_by_ours volumes "$(api_list /v2/droplets droplets)" |
        jq -r '.[] | select(.taken) | "  volume \(.name)"'
}

# --- the lines

# line KIND DOLLARS: items of a JSON array on standard input as lines; DOLLARS is an expression of jq for one of them.
line() { jq -r --arg kind "$1" ".[] | [\$kind, (.id // .name | tostring), .name, ($2)] | @tsv"; }

inventory() {
    local droplets volumes sizes
    remember_associated
    sizes=$(api_list /v2/sizes sizes | jq -c 'map({key: .slug, value: .price_monthly}) | from_entries')
    droplets=$(api_list /v2/droplets droplets)

    our_clusters | line cluster "if .ha then $(price ha_control_plane) else 0 end"
    made_by_ours droplets "$droplets" <<<"$droplets" |
        jq -c --argjson prices "$sizes" 'map(.price = $prices[.size_slug])' |
        line node '.price // 0'
    api_list /v2/load_balancers load_balancers | made_by_ours load_balancers "$droplets" | untaken |
        line load-balancer "$(price load_balancer) * (.size_unit // 1)"
    volumes=$(api_list /v2/volumes volumes | made_by_ours volumes "$droplets")
    # shellcheck disable=SC2046
    remember volumes $(jq -r '.[].id' <<<"$volumes")
    untaken <<<"$volumes" | line volume "$(price volume_gib) * .size_gigabytes"
    # A snapshot of a volume that was taken is its taker's.
    api_list '/v2/snapshots?resource_type=volume' snapshots | made_by_ours volume_snapshots "$droplets" | untaken |
        jq -c --argjson volumes "$volumes" '($volumes | map(select(.taken) | .id)) as $taken
            | map(select(IN(.resource_id; $taken[]) | not))' |
        line snapshot "$snapshot_gib * .size_gigabytes"
    our_registries | line registry "$(registry_dollars)"
    our_networks | line vpc 0
    our_projects | line project 0
}

# Snapshots are nobody's plan, so Terraform's table has no price of them:
# docs.digitalocean.com/products/images/snapshots/details/pricing.
snapshot_gib=0.06

# The plan is the account's: it costs nothing without a registry, and no more with a second one.
registry_dollars() {
    local cents
    cents=$(api GET /v2/registries/subscription | jq '.subscription.tier.monthly_price_in_cents // 0') || cents=0
    say "$cents / 100"
}

# show_inventory LINES: as a table with its sum.
show_inventory() {
    [ -n "$1" ] || { say "Nothing. It costs: 0 US dollars a month." && return 0; }
    awk -F '\t' '{ printf "  %-14s %-38s %8.2f\n", $1, $3, $4; sum += $4 }
        END { printf "  %-53s %8.2f US dollars a month\n", "", sum }' <<<"$1"
}
