# The network, the cluster, the registry and the project: deploy/terraform, in a copy inside the state folder.

terraform_here() { command terraform -chdir="$state/terraform" "$@"; }

prepare_terraform() {
    mkdir -p "$state/terraform"
    cp "$root"/deploy/terraform/*.tf "$state/terraform/"
    jq -n --arg name "$NAME" --arg region "$REGION" --arg registry "$REGISTRY" --arg allowed "$CONTROL_PLANE_ALLOWED" \
        --arg mark "$(recalled mark)" --argjson ha "$HA_CONTROL_PLANE" '
        {name: $name, region: $region, registry: $registry, mark: $mark, ha_control_plane: $ha,
            control_plane_allowed: ($allowed | split(",") | map(gsub("\\s"; "")))}' \
        >"$state/terraform/stack.auto.tfvars.json"
    # Written half when somebody pulled the plug: what it knew is found again by its names.
    if [ -s "$state/terraform/terraform.tfstate" ] && ! jq empty "$state/terraform/terraform.tfstate" 2>/dev/null; then
        mv "$state/terraform/terraform.tfstate" "$state/terraform/terraform.tfstate.broken"
    fi
    terraform_here init -input=false -no-color >"$state/terraform.log" 2>&1 ||
        { cat "$state/terraform.log" >&2 && fail "terraform init did not work; see above"; }
}

# What was made a moment before a kill, and so is in the account but not in Terraform's state, is taken in.
adopt() {
    local known cluster pool
    known=$(terraform_here state list 2>/dev/null || true)
    adopt_one "$known" digitalocean_vpc.this "$(our_networks | jq -r '.[].id')"
    adopt_one "$known" digitalocean_container_registries.this \
        "$(our_registries | jq -r '.[].name')"
    cluster=$(our_clusters | jq -r '.[].id')
    if [ -n "$cluster" ]; then
        [ -n "$dry_run" ] || wait_for_cluster "$cluster"
        adopt_one "$known" digitalocean_kubernetes_cluster.this "$cluster"
        pool=$(api GET "/v2/kubernetes/clusters/$cluster/node_pools" |
            jq -r '.node_pools[] | select(.name == "builds") | .id')
        adopt_one "$known" 'digitalocean_kubernetes_node_pool.builds[0]' "$pool"
    fi
    adopt_one "$known" digitalocean_project.this "$(our_projects | jq -r '.[].id')"
}

adopt_one() {
    [ -n "$3" ] || return 0
    ! grep -qxF "$2" <<<"$1" || return 0
    say "$2 is there, and Terraform does not know it yet: $3"
    change terraform_here import -input=false -no-color "$2" "$3"
}

wait_for_cluster() {
    local found
    while :; do
        found=$(api GET "/v2/kubernetes/clusters/$1" | jq -r .kubernetes_cluster.status.state)
        case $found in
        running | degraded | upgrading) return 0 ;;
        error | deleted | deleting) fail "the cluster is $found: deploy/stack down, and begin again" ;;
        esac
        pause
    done
}

# Returns 0 also where there is nothing to change; then there is no file changes.
plan_infrastructure() {
    local status=0
    rm -f "$state/changes"
    terraform_here plan -input=false -no-color -detailed-exitcode -out="$state/plan" || status=$?
    [ "$status" != 2 ] || touch "$state/changes"
    [ "$status" != 1 ]
}

show_cost() {
    terraform_here show -json "$state/plan" | jq -r '.planned_values.outputs |
        (.monthly_cost_usd_parts.value | to_entries[] | "  \(.key): \(.value)"),
        "  US dollars a month: \(.monthly_cost_usd.value), "
            + "with all nodes that may be added \(.monthly_cost_usd_at_most.value)",
        "  (prices of \(.prices_as_of.value); without taxes and traffic: docs/cost.md)"'
}

# What the plan deletes, or deletes and makes anew, a line each. Prices do not tell: they stay the same.
losses() {
    terraform_here show -json "$state/plan" | jq -r '.resource_changes[]?
        | select(any(.change.actions[]; . == "delete"))
        | "  \(.address) is \(if any(.change.actions[]; . == "create") then "made anew" else "deleted" end)"
            + ([.change.replace_paths[]? | map(tostring) | join(".")] | if . == [] then "" else
                ", for another \(join(", "))" end)
            + ({digitalocean_kubernetes_cluster: ": all that runs there, and all volumes with their data",
                digitalocean_container_registries: ": all images in it"}[.type] // "")'
}

# confirm_losses: goes on with a plan that deletes something only if that was said in so many words.
confirm_losses() {
    local lost wish="delete what is in $NAME"
    lost=$(losses)
    [ -n "$lost" ] || return 0
    say "This plan DELETES what is there:"$'\n'"$lost"
    [ -z "$accept_loss$dry_run" ] || return 0
    [ -z "$yes" ] || fail "--yes does not allow that: nothing was changed. If it is meant, add --accept-loss"
    confirm "If that is meant, type \"$wish\":" "$wish"
}

output() { terraform_here output -json | jq -r --arg name "$1" '.[$name].value // empty'; }
