# Settings (not secret, in a file), tokens (secret, from the environment), and the folder that remembers.

setting_names=(NAME REGION REGISTRY CONTROL_PLANE_ALLOWED REPOSITORY BRANCH HOST TODO_HOST HA_CONTROL_PLANE)

# The file is read and not run: KEY=value, and # for comments.
read_settings() {
    [ -f "$settings" ] || fail "there is no file $settings: copy deploy/stack.d/stack.env.example to it"
    local line key
    NAME='' REGION='' REGISTRY='' CONTROL_PLANE_ALLOWED='' REPOSITORY='' BRANCH=main HOST='' TODO_HOST=''
    HA_CONTROL_PLANE=true
    while IFS= read -r line || [ -n "$line" ]; do
        [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
        key=${line%%=*}
        [[ " ${setting_names[*]} " == *" $key "* && $line == *=* ]] || fail "$settings: what is \"$line\"?"
        printf -v "$key" '%s' "${line#*=}"
    done <"$settings"
    check_values
    read_token DIGITALOCEAN_TOKEN
    read_token FAIRLEAD_DIGITALOCEAN_TOKEN
    read_token FAIRLEAD_GITHUB_TOKEN
    read_token ALERTMANAGER_CONFIG
    # Terraform's provider and curl need the operator's; nobody else is told the others.
    export DIGITALOCEAN_TOKEN
    export -n FAIRLEAD_DIGITALOCEAN_TOKEN FAIRLEAD_GITHUB_TOKEN ALERTMANAGER_CONFIG
}

# One rule for each setting, for every command: they become parts of addresses, manifests and names.
check_values() {
    local faults='' name='^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\.[a-z]+$'
    local block='[0-9a-fA-F.:]+/[0-9]{1,3}'
    value_is NAME '^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$' "made of lower-case letters, digits and hyphens, at most 40"
    value_is REGION '^[a-z]{3}[0-9]{1,2}$' "the short name of a region, such as fra1"
    value_is REGISTRY '^[a-z0-9][-a-z0-9]{1,61}[a-z0-9]$' "made of lower-case letters, digits and hyphens, 3 to 63"
    value_is CONTROL_PLANE_ALLOWED "^ *$block *(, *$block *)*$" \
        "blocks of addresses, such as 203.0.113.7/32,192.0.2.0/24"
    value_is REPOSITORY '^[A-Za-z0-9][-A-Za-z0-9]*/\.?[-A-Za-z0-9_][-A-Za-z0-9_.]*$' "OWNER/NAME, as on GitHub"
    # Git takes more, but not `..`, nor a dot or a slash at the end: git-check-ref-format(1).
    value_is BRANCH '^[A-Za-z0-9_]([./]?[-A-Za-z0-9_])*$' \
        "made of letters, digits and - _, with single . or / between them"
    value_is HOST "$name" "the name of a host, such as deploy.example.com"
    value_is TODO_HOST "$name" "the name of a host, such as todo.example.com"
    value_is HA_CONTROL_PLANE '^(true|false)$' "true or false"
    [ -z "$HOST" ] || [ "$HOST" != "$TODO_HOST" ] || faults+=$'\n'"  HOST and TODO_HOST are two names"
    [ -z "$faults" ] || fail "$settings has what cannot be:$faults"
}

# value_is KEY PATTERN WORDS
value_is() {
    if [ -z "${!1}" ]; then
        faults+=$'\n'"  $1 is not set"
    elif ! [[ ${!1} =~ $2 ]]; then
        faults+=$'\n'"  $1 is $3"
    fi
}

# read_token NAME: from the variable, or from the file that NAME_FILE names.
read_token() {
    local file=$1_FILE
    if [ -z "${!1-}" ] && [ -n "${!file-}" ]; then
        [ -r "${!file}" ] || fail "$file names ${!file}, which cannot be read"
        printf -v "$1" '%s' "$(<"${!file}")"
    fi
    printf -v "$1" '%s' "${!1-}"
}

# The state folder has Terraform's state, a kubeconfig and Fairlead's token: keep it as you keep passwords. In a dry run
# there is a copy in its place, which is thrown away.
open_state() {
    home=${STACK_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/fairlead-stack}/$NAME
    state=$home
    trap close_state EXIT
    if [ -n "$dry_run" ] || [ "$command" = check ]; then
        temporary=$(mktemp -d)
        state=$temporary/state
        mkdir -p "$state"
        if [ -d "$home" ]; then cp -R "$home/." "$state"; fi
        return 0
    fi
    if [ "$command" = status ]; then
        [ -d "$home" ] || fail "there is no $home: nothing was made from here under the name $NAME"
        return 0
    fi
    mkdir -p "$state"
    # Held by everything that is started from here, so that a command which outlived a killed `up` is waited for.
    exec 9>"$state/lock"
    flock --nonblock 9 || { say "Another deploy/stack is at work on $NAME; waiting for it…" && flock 9; }
    # Nobody takes away what a killed `up` pushed with, but the next one.
    rm -f "$state/push.json"
}

close_state() {
    if [ -n "${forward-}" ]; then kill "$forward" 2>/dev/null || true; fi
    if [ -n "${credentials-}" ]; then rm -f "$credentials"; fi
    if [ -n "${temporary-}" ]; then rm -rf "$temporary"; fi
}
