# What has to be so before anything is made. Every line says what is wrong and how to mend it.

problems=0
good() { say "  ok    $*"; }
note() { say "  note  $*"; }
bad() { say "  BAD   $*" && problems=$((problems + 1)); }

command_check() {
    local lost
    checks
    step "Cost"
    prepare_terraform
    plan_infrastructure >"$state/plan.log" 2>&1 || { cat "$state/plan.log" && fail "Terraform has no plan; see above"; }
    show_cost
    lost=$(losses)
    [ -z "$lost" ] || note "an up with these settings DELETES what is there:"$'\n'"$lost"
    [ "$problems" = 0 ] || fail "$problems of the checks failed"
    say "All is well: deploy/stack up"
}

checks() {
    step "Tools"
    check_tools
    [ "$problems" = 0 ] || fail "nothing else can be looked at without these"
    step "Settings"
    check_settings
    step "Account"
    check_account
    [ "$problems" = 0 ] || fail "$problems of the checks failed"
    step "Region $REGION"
    check_region
    step "Names"
    check_names
    step "Repository"
    check_repository
    step "Alerts"
    check_alerts
}

# at_least WANTED FOUND: compares versions.
at_least() { [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# holds GOOD BAD COMMAND...: says one or the other.
holds() { if "${@:3}" >/dev/null; then good "$1"; else bad "$2"; fi; }

# matches TEXT PATTERN
matches() { [[ $1 =~ $2 ]]; }

check_tools() {
    local tool
    holds "bash ${BASH_VERSION%%(*}" "bash 4.4 or later is needed" at_least 4.4 "${BASH_VERSION%%(*}"
    for tool in curl jq git podman flock getent; do
        holds "$tool" "$tool is missing: install it with your system's packages" command -v "$tool"
    done
    command -v jq >/dev/null || return 0
    tool_version terraform 1.9 .terraform_version version -json
    tool_version kubectl 1.32 .clientVersion.gitVersion version --client --output=json
}

# tool_version TOOL WANTED EXPRESSION ARGUMENTS...: the version that a program says of itself, in JSON.
tool_version() {
    local tool=$1 wanted=$2 expression=$3 found
    shift 3
    command -v "$tool" >/dev/null || { bad "$tool is missing: $wanted or later is needed" && return 0; }
    found=$("$tool" "$@" 2>/dev/null | jq -r "$expression" | tr -d v) || found=
    holds "$tool $found" "$tool is ${found:-of no version that it tells}: $wanted or later is needed" \
        at_least "$wanted" "${found:-0}"
}

check_settings() {
    local key
    # They have been looked at when they were read.
    for key in "${setting_names[@]}"; do good "$key=${!key}"; done
    for key in DIGITALOCEAN_TOKEN FAIRLEAD_DIGITALOCEAN_TOKEN FAIRLEAD_GITHUB_TOKEN; do
        holds "$key is there" "$key is not set: deploy/stack --help says where tokens come from" [ -n "${!key}" ]
    done
    [ -z "$DIGITALOCEAN_TOKEN" ] || [ "$DIGITALOCEAN_TOKEN" != "$FAIRLEAD_DIGITALOCEAN_TOKEN" ] ||
        bad "FAIRLEAD_DIGITALOCEAN_TOKEN is your own token: make one with few scopes, docs/install-doks.md"
}

# nodes KEY: of the work pool's variable in Terraform.
nodes() { sed -nE "s/.*$1 *= *optional\([a-z]+, *\"?([^\")]+)\"?\).*/\1/p" "$root/deploy/terraform/variables.tf"; }

check_account() {
    local account wanted
    [ -n "$DIGITALOCEAN_TOKEN" ] || return 0
    account=$(api GET /v2/account 2>"$state/refused") ||
        { bad "the API refuses the token: $(<"$state/refused")" && return 0; }
    account=$(jq -c .account <<<"$account")
    holds "the account is active" "the account is $(jq -r '"\(.status): \(.status_message)"' <<<"$account")" \
        [ "$(jq -r .status <<<"$account")" = active ]
    holds "its address is verified" "verify the account's e-mail address" \
        [ "$(jq -r .email_verified <<<"$account")" = true ]
    # A node more for each surge upgrade, and one for builds.
    wanted=$(($(nodes max) + 2))
    check_room Droplets droplets "$(jq .droplet_limit <<<"$account")" "$wanted"
    check_room volumes volumes "$(jq '.volume_limit // 1000' <<<"$account")" 10
    check_token_of_fairlead
}

# check_room WHAT LIST LIMIT WANTED: whether the limit leaves room for a stack that is not there yet.
check_room() {
    local used
    used=$(api GET "/v2/$2?per_page=1" | jq .meta.total)
    if [ -n "$(recalled clusters)" ] || [ $(($3 - used)) -ge "$4" ]; then
        good "$used $1 of $3; the stack has at most $4"
    else
        bad "the limit of $3 $1 leaves no room for $4: ask for more, control panel, Settings"
    fi
}

# It may lack account:read: then 403 is as good an answer. 401 is not.
check_token_of_fairlead() {
    local status
    [ -n "$FAIRLEAD_DIGITALOCEAN_TOKEN" ] || return 0
    status=$(request "$FAIRLEAD_DIGITALOCEAN_TOKEN" GET "$api_url/v2/registries" | tail -n 1)
    holds "FAIRLEAD_DIGITALOCEAN_TOKEN may look at registries" \
        "FAIRLEAD_DIGITALOCEAN_TOKEN may not look at registries ($status): its scopes are in docs/install-doks.md" \
        [ "$status" = 200 ]
}

check_region() {
    local options clusters registries minors minor sizes size found
    options=$(api GET /v2/kubernetes/options | jq -c .options)
    clusters=$(jq -r '.regions[].slug' <<<"$options")
    holds "has clusters" "has no clusters; these have: ${clusters//$'\n'/ }" among "$clusters" "$REGION"
    registries=$(api GET /v2/registries/options | jq -r '.options.available_regions[]')
    holds "has registries" "has no registries; these have: ${registries//$'\n'/ }" among "$registries" "$REGION"
    minors=$(jq -r '.versions[].slug | split(".")[:2] | join(".")' <<<"$options")
    minor=$(default_of kubernetes_minor)
    holds "Kubernetes $minor" "Kubernetes $minor is not offered any more: kubernetes_minor in deploy/terraform" \
        among "$minors" "$minor"
    sizes=$(api_list /v2/sizes sizes)
    for size in $(nodes size) "$(default_of build_node)"; do
        found=$(jq -c --arg size "$size" --arg region "$REGION" '.[]
            | select(.slug == $size and .available and any(.regions[]; . == $region)) | .price_monthly' <<<"$sizes")
        holds "nodes of $size" "has no nodes of $size" [ -n "$found" ]
        [ -z "$found" ] || jq -e --argjson table "$(price "$size")" '. == $table' <<<"$found" >/dev/null ||
            note "$size costs $found US dollars a month now, and not $(price "$size"): deploy/terraform/prices.tf"
    done
}

# default_of VARIABLE: of Terraform's.
default_of() { sed -nE "/\"$1\"/,/^}/s/.*default *= *\"([^\"]+)\".*/\1/p" "$root/deploy/terraform/variables.tf"; }

# among LINES LINE
among() { grep -qxF "$2" <<<"$1"; }

# Names count as ours once `up` has begun with them.
check_names() {
    local registries strange
    if [ -f "$state/ours" ]; then
        strange=$(begun_otherwise)
        holds "$NAME and $REGISTRY were taken by an earlier up from here" "$strange" [ -z "$strange" ]
        return 0
    fi
    check_free "$(api_list /v2/kubernetes/clusters kubernetes_clusters)" cluster "$NAME"
    check_free "$(api_list /v2/vpcs vpcs)" VPC "$NAME"
    check_free "$(api_list /v2/projects projects)" project "$NAME"
    registries=$(api GET /v2/registries | jq -c '.registries // []')
    check_free "$registries" registry "$REGISTRY"
    # Asks, and takes nothing: the name may be another customer's.
    api POST /v2/registries/validate-name "$(jq -nc --arg name "$REGISTRY" '{name: $name}')" \
        >/dev/null 2>"$state/refused" || bad "the registry's name $REGISTRY is not to be had: $(<"$state/refused")"
    [ "$(jq length <<<"$registries")" = 0 ] ||
        note "this account has registries already: one plan is for all of them, and basic holds one registry"
}

# check_free LIST KIND NAME
check_free() {
    if jq -e --arg name "$3" 'any(.[]; .name == $name)' <<<"$1" >/dev/null; then
        bad "there is a $2 $3 already, which is not this stack's: choose another name in $settings"
    else
        good "$2 $3 is free"
    fi
}

# Also learns the branch's head: what is live at it need not be deployed again.
check_repository() {
    local url=${GITHUB_API_URL:-https://api.github.com}/repos/$REPOSITORY/branches/$BRANCH answer status
    answer=$(request "$FAIRLEAD_GITHUB_TOKEN" GET "$url")
    status=${answer##*$'\n'}
    head=
    if [ "$status" = 200 ]; then
        good "FAIRLEAD_GITHUB_TOKEN reads $REPOSITORY, branch $BRANCH"
        head=$(jq -r .commit.sha <<<"${answer%$'\n'*}")
    else
        bad "FAIRLEAD_GITHUB_TOKEN does not read branch $BRANCH of $REPOSITORY ($status)"
    fi
}
