# What has to be so before anything is made. Every line says what is wrong and how to mend it.

problems=0
good() { say "  ok    $*"; }
note() { say "  note  $*"; }
bad() { say "  BAD   $*" && problems=$((problems + 1)); }

command_check() {
    checks
    step "Cost"
    prepare_terraform
    plan_infrastructure >"$state/plan.log" 2>&1 || { cat "$state/plan.log" && fail "Terraform has no plan; see above"; }
    show_cost
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

check_tools() {
    local tool found
    at_least 4.4 "${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}" && good "bash ${BASH_VERSION%%(*}" || bad "bash 4.4 or later is needed"
    for tool in curl jq git podman flock getent; do
        command -v "$tool" >/dev/null && good "$tool" || bad "$tool is missing: install it with your system's packages"
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
    at_least "$wanted" "${found:-0}" && good "$tool $found" || bad "$tool is ${found:-of no version that it tells}: $wanted or later is needed"
}

check_settings() {
    local key
    for key in REGION REGISTRY CONTROL_PLANE_ALLOWED REPOSITORY HOST TODO_HOST; do
        [ -n "${!key}" ] && good "$key=${!key}" || bad "$key is not set in $settings"
    done
    [[ $REPOSITORY =~ ^[A-Za-z0-9][-A-Za-z0-9]*/[-A-Za-z0-9_.]+$ ]] || bad "REPOSITORY is OWNER/NAME, as on GitHub"
    [[ $BRANCH =~ ^[A-Za-z0-9][-A-Za-z0-9_./]*$ ]] || bad "BRANCH is made of letters, digits and - _ . /"
    for key in HOST TODO_HOST; do
        [[ ${!key} =~ ^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\.[a-z]+$ ]] || bad "$key is the name of a host, such as deploy.example.com"
    done
    [ "$HOST" != "$TODO_HOST" ] || bad "HOST and TODO_HOST are two names"
    [[ $HA_CONTROL_PLANE =~ ^(true|false)$ ]] || bad "HA_CONTROL_PLANE is true or false"
    for key in DIGITALOCEAN_TOKEN FAIRLEAD_DIGITALOCEAN_TOKEN FAIRLEAD_GITHUB_TOKEN; do
        [ -n "${!key}" ] && good "$key is there" || bad "$key is not set: deploy/stack --help says where tokens come from"
    done
    [ -z "$DIGITALOCEAN_TOKEN" ] || [ "$DIGITALOCEAN_TOKEN" != "$FAIRLEAD_DIGITALOCEAN_TOKEN" ] ||
        bad "FAIRLEAD_DIGITALOCEAN_TOKEN is your own token: make one with few scopes, docs/install-doks.md"
}

# nodes KEY: of the work pool's variable in Terraform.
nodes() { sed -nE "s/.*$1 *= *optional\([a-z]+, *\"?([^\")]+)\"?\).*/\1/p" "$root/deploy/terraform/variables.tf"; }

check_account() {
    local account used volumes wanted
    [ -n "$DIGITALOCEAN_TOKEN" ] || return 0
    account=$(api GET /v2/account 2>"$state/refused") || { bad "the API refuses the token: $(<"$state/refused")" && return 0; }
    account=$(jq -c .account <<<"$account")
    [ "$(jq -r .status <<<"$account")" = active ] && good "the account is active" ||
        bad "the account is $(jq -r '"\(.status): \(.status_message)"' <<<"$account")"
    [ "$(jq -r .email_verified <<<"$account")" = true ] && good "its address is verified" || bad "verify the account's e-mail address"
    # A node more for each surge upgrade, and one for builds.
    wanted=$(($(nodes max) + 2))
    used=$(api GET '/v2/droplets?per_page=1' | jq .meta.total)
    jq -e --argjson used "$used" --argjson wanted "$wanted" --arg here "$(recalled clusters)" \
        '$here != "" or .droplet_limit - $used >= $wanted' <<<"$account" >/dev/null &&
        good "$used Droplets of $(jq .droplet_limit <<<"$account"); the stack has at most $wanted" ||
        bad "the limit of $(jq .droplet_limit <<<"$account") Droplets leaves no room for $wanted: ask for more, control panel, Settings"
    volumes=$(api GET '/v2/volumes?per_page=1' | jq .meta.total)
    jq -e --argjson used "$volumes" --arg here "$(recalled clusters)" \
        '$here != "" or .volume_limit == null or .volume_limit - $used >= 10' <<<"$account" >/dev/null &&
        good "$volumes volumes; the stack has about 10" ||
        bad "the limit of $(jq .volume_limit <<<"$account") volumes leaves no room for 10: ask for more"
    check_token_of_fairlead
}

# It may lack account:read: then 403 is as good an answer. 401 is not.
check_token_of_fairlead() {
    local status
    [ -n "$FAIRLEAD_DIGITALOCEAN_TOKEN" ] || return 0
    status=$(request "$FAIRLEAD_DIGITALOCEAN_TOKEN" GET "$api_url/v2/registries" | tail -n 1)
    [ "$status" = 200 ] && good "FAIRLEAD_DIGITALOCEAN_TOKEN may look at registries" ||
        bad "FAIRLEAD_DIGITALOCEAN_TOKEN may not look at registries ($status): its scopes are in docs/install-doks.md"
}

check_region() {
    local options size asked minor found
    options=$(api GET /v2/kubernetes/options | jq -c .options)
    jq -e --arg region "$REGION" 'any(.regions[]; .slug == $region)' <<<"$options" >/dev/null &&
        good "has clusters" || bad "has no clusters; these have: $(jq -r '[.regions[].slug] | join(" ")' <<<"$options")"
    asked=$(api GET /v2/registries/options | jq -c .options)
    jq -e --arg region "$REGION" 'any(.available_regions[]; . == $region)' <<<"$asked" >/dev/null &&
        good "has registries" || bad "has no registries; these have: $(jq -r '.available_regions | join(" ")' <<<"$asked")"
    minor=$(sed -nE '/"kubernetes_minor"/,/^}/s/.*default *= *"([^"]+)".*/\1/p' "$root/deploy/terraform/variables.tf")
    jq -e --arg minor "$minor." 'any(.versions[]; .slug | startswith($minor))' <<<"$options" >/dev/null &&
        good "Kubernetes $minor" || bad "Kubernetes $minor is not offered any more: kubernetes_minor in deploy/terraform"
    asked=$(api_list /v2/sizes sizes)
    for size in $(nodes size) "$(build_size)"; do
        found=$(jq -c --arg size "$size" --arg region "$REGION" \
            '.[] | select(.slug == $size and .available and any(.regions[]; . == $region))' <<<"$asked")
        [ -n "$found" ] && good "nodes of $size" || { bad "has no nodes of $size" && continue; }
        jq -e --argjson table "$(price "$size")" '.price_monthly == $table' <<<"$found" >/dev/null && continue
        note "$size costs $(jq .price_monthly <<<"$found") US dollars a month now, and not $(price "$size"): deploy/terraform/prices.tf"
    done
}

build_size() { sed -nE '/"build_node"/,/^}/s/.*default *= *"([^"]+)".*/\1/p' "$root/deploy/terraform/variables.tf"; }

# Names count as ours once `up` has begun with them.
check_names() {
    local registries strange
    if [ -f "$state/ours" ]; then
        strange=$(begun_otherwise)
        [ -z "$strange" ] && good "$NAME and $REGISTRY were taken by an earlier up from here" || bad "$strange"
        return 0
    fi
    free "$(api_list /v2/kubernetes/clusters kubernetes_clusters)" cluster "$NAME"
    free "$(api_list /v2/vpcs vpcs)" VPC "$NAME"
    free "$(api_list /v2/projects projects)" project "$NAME"
    registries=$(api GET /v2/registries | jq -c '.registries // []')
    free "$registries" registry "$REGISTRY"
    # Asks, and takes nothing: the name may be another customer's.
    api POST /v2/registries/validate-name "$(jq -nc --arg name "$REGISTRY" '{name: $name}')" >/dev/null 2>"$state/refused" ||
        bad "the registry's name $REGISTRY is not to be had: $(<"$state/refused")"
    [ "$(jq length <<<"$registries")" = 0 ] ||
        note "there are registries in this account already: the plan is one for all of them, and Terraform sets it"
}

free() {
    jq -e --arg name "$3" 'any(.[]; .name == $name)' <<<"$1" >/dev/null &&
        bad "there is a $2 $3 already, which is not this stack's: choose another name in $settings" || good "$2 $3 is free"
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
