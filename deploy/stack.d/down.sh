# Everything goes, in an order in which nothing comes again: the cluster first, since it makes load balancers and
# volumes anew; then what it leaves; then what Terraform knows; then what has our name and nobody knew.

command_down() {
    local found strange
    if [ -f "$state/ours" ]; then
        strange=$(begun_otherwise)
        [ -z "$strange" ] || fail "$strange"
    fi
    step "What there is"
    found=$(inventory)
    show_inventory "$found"
    if [ -z "$found" ] && [ ! -f "$state/ours" ]; then return 0; fi
    if [ ! -f "$state/ours" ]; then
        [ -z "$yes" ] || fail "no up from here has made $NAME: without --yes, you are asked"
        say "This was not made from here. If it is not yours, stop."
    fi
    confirm "All of this is deleted, with its data. Type $NAME:" "$NAME"

    step "The cluster"
    delete_clusters
    step "Load balancers, volumes, snapshots"
    delete_left_overs
    step "Images and registry"
    delete_registry
    step "Network, project"
    wait_for_empty_networks
    destroy_infrastructure
    delete_by_name

    step "What is left"
    found=$(inventory)
    show_inventory "$found"
    strange=$(taken_volumes)
    [ -z "$strange" ] || say "These were the stack's, and are in use elsewhere now. They stay:"$'\n'"$strange"
    [ -z "$dry_run" ] || return 0
    [ -z "$found" ] || fail "this is still there: run deploy/stack down again, or delete it in the control panel"
    find "$state" -mindepth 1 ! -name lock -delete
}

# What the API takes to be associated with a cluster may be another's by now, so it is told what it may take along.
delete_clusters() {
    local id ours along
    for id in $(our_clusters | jq -r '.[].id'); do
        say "  cluster $id, with what it has made"
        ours=$(inventory | cut -f 2 | as_json)
        along=$(api GET "/v2/kubernetes/clusters/$id/destroy_with_associated_resources" | jq -c --argjson ours "$ours" \
            '{load_balancers, volumes, volume_snapshots} | map_values([.[]?.id | select(IN($ours[]))])')
        api_change DELETE "/v2/kubernetes/clusters/$id/destroy_with_associated_resources/selective" "$along"
        [ -z "$dry_run" ] || continue
        wait_until_gone "/v2/kubernetes/clusters/$id"
    done
}

# How often it is looked whether a deleted cluster is gone, ten seconds apart: for an hour; and how many of the answers
# in a row may say nothing, as those of a revoked token do.
looks_at_most=360
refusals_at_most=12

# wait_until_gone PATH: gone is what the API does not find; an answer of another kind says nothing.
wait_until_gone() {
    local status refused refusals=0
    for _ in $(seq "$looks_at_most"); do
        status=0
        refused=$(api GET "$1" 2>&1 >/dev/null) || status=$?
        case $status in
        0) refusals=0 ;;
        4) return 0 ;;
        *) refusals=$((refusals + 1)) ;;
        esac
        [ "$refusals" -lt "$refusals_at_most" ] ||
            fail "whether $1 is gone, the API does not say: $refused"$'\n'"Call deploy/stack down again once it does"
        pause
    done
    fail "$1 is still there. It is being deleted; call deploy/stack down again later"
}

# A volume can be deleted once its node is gone: a refusal is asked again.
delete_left_overs() {
    local left attempt
    for attempt in $(seq 60); do
        left=$(inventory | grep -P '^(load-balancer|volume|snapshot)\t' || true)
        [ -n "$left" ] || return 0
        [ "$attempt" = 1 ] || pause
        delete_lines "$left"
        [ -z "$dry_run" ] || return 0
    done
    fail "the API does not let these go: $(cut -f 1,3 <<<"$left" | tr '\t\n' ' ,')"
}

delete_lines() {
    local kind id name
    while IFS=$'\t' read -r kind id name _; do
        say "  $kind $name"
        case $kind in
        load-balancer) api_change DELETE "/v2/load_balancers/$id" || true ;;
        volume) api_change DELETE "/v2/volumes/$id" || true ;;
        snapshot) api_change DELETE "/v2/snapshots/$id" || true ;;
        esac
    done <<<"$1"
}

delete_registry() {
    local name repository
    for name in $(our_registries | jq -r '.[].name'); do
        for repository in $(api_list "/v2/registries/$name/repositoriesV2" repositories | jq -r '.[].name | @uri'); do
            say "  $repository"
            api_change DELETE "/v2/registries/$name/repositories/$repository"
        done
        api_change DELETE "/v2/registries/$name"
    done
}

# A network can go once nobody is in it. Who is there in the end was not put there by us, and is not ours to delete.
wait_for_empty_networks() {
    local id left
    [ -z "$dry_run" ] || return 0
    for id in $(our_networks | jq -r '.[].id'); do
        for _ in $(seq 30); do
            left=$(api_list "/v2/vpcs/$id/members" members | jq -r 'map("\(.name) (\(.urn))") | join(", ")')
            [ -n "$left" ] || break
            pause
        done
        [ -z "$left" ] || fail "in the network $NAME there is what this stack has not made: $left. The network is" \
            "still there, and costs nothing: once the others are elsewhere or deleted, call deploy/stack down again"
    done
}

destroy_infrastructure() {
    prepare_terraform
    [ -n "$(terraform_here state list 2>/dev/null || true)" ] || return 0
    change terraform_here destroy -auto-approve -input=false -no-color
}

# What was made a moment before a kill is in nobody's state.
delete_by_name() {
    local id
    for id in $(our_projects | jq -r '.[].id'); do api_change DELETE "/v2/projects/$id"; done
    for id in $(our_networks | jq -r '.[].id'); do api_change DELETE "/v2/vpcs/$id"; done
}
