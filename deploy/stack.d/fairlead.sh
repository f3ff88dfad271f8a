# Fairlead in the cluster, and what it is told by its API.

kube() { command kubectl --kubeconfig "$state/kubeconfig" "$@"; }

# The manifests go through a pipe: Secrets among them are in no file and on no command line.
apply() {
    local manifests
    manifests=$(cat)
    if [ -n "$dry_run" ]; then
        say "would apply:"
        jq -r '"  \(.kind) \(.metadata.namespace // "")/\(.metadata.name)"' <<<"$manifests"
        return 0
    fi
    kube apply --server-side --force-conflicts --field-manager=fairlead-stack -f - <<<"$manifests"
}

cluster_credentials() {
    local id
    id=$(our_clusters | jq -r '.[0].id // empty')
    [ -n "$id" ] || { say "would fetch a kubeconfig for six hours" && return 0; }
    api GET "/v2/kubernetes/clusters/$id/kubeconfig?expiry_seconds=21600" >"$state/kubeconfig.new"
    mv "$state/kubeconfig.new" "$state/kubeconfig"
}

# pipelines: their names, in the order in which they are brought up.
pipelines() { grep -vE '^ *(#|$)' "$root/pipelines/stack/order"; }

# --- before the server: namespaces, rights and secrets

# The namespace is the overlay's, which comes later than what is put into it.
prepare_namespaces() {
    jq -n '{apiVersion: "v1", kind: "Namespace", metadata: {name: "fairlead"}}' | apply
    apply_kustomization "$root/deploy/platform/namespaces"
}

# Every secret of deploy/platform/secrets.txt. Those that are generated are generated once: a second `up` finds them in
# the cluster. Tokens are those of this call. The values reach jq through its environment, and kubectl through a pipe.
prepare_secrets() {
    local wanted alerts there='{}'
    wanted=$(grep -vE '^ *(#|$)' "$root/deploy/platform/secrets.txt" |
        jq -R 'split(" ") | {namespace: .[0], name: .[1], key: .[2]}' | jq -cs .)
    if [ -s "$state/kubeconfig" ]; then
        there=$(kube get secrets --all-namespaces --output json | jq -c --argjson wanted "$wanted" '.items
            | map({key: "\(.metadata.namespace) \(.metadata.name)", value: .data})
            | map(select(.key | IN($wanted[] | "\(.namespace) \(.name)"))) | from_entries')
    fi
    alerts=$(alerts_wanted)
    ALERTS=$alerts THERE=$there FRESH=$(secret_text $((24 * $(jq length <<<"$wanted")))) \
        DIGITALOCEAN=$FAIRLEAD_DIGITALOCEAN_TOKEN GITHUB=$FAIRLEAD_GITHUB_TOKEN jq -c '
        (env.THERE | fromjson) as $there
        | to_entries | map(.key as $at | .value | .value = (
            if .key == "digitalocean-token" then env.DIGITALOCEAN | @base64
            elif .key == "github-token" then env.GITHUB | @base64
            elif .key == "alertmanager.yaml" then env.ALERTS + "\n" | @base64
            # No secret, but charts want it beside one.
            elif .key | endswith("_USER") then "admin" | @base64
            else $there["\(.namespace) \(.name)"][.key] // (env.FRESH[$at * 48:$at * 48 + 48] | @base64) end))
        | group_by("\(.namespace) \(.name)")[]
        | {apiVersion: "v1", kind: "Secret", type: "Opaque", metadata: {namespace: .[0].namespace, name: .[0].name},
            data: (map({key, value}) | from_entries)}' <<<"$wanted" | apply
}

# --- the server: its overlay, with what is ours written into a copy

# fill FILE FILTER: writes settings into a file, line by line. By jq, to which a value is never part of a program.
fill() {
    jq -Rr --arg registry "$REGISTRY" --arg repository "$REPOSITORY" --arg branch "$BRANCH" --arg host "$HOST" \
        --arg todo_host "$TODO_HOST" --arg name "${name-}" --arg digest "${digest-}" "$2" "$1" >"$1.filled"
    mv "$1.filled" "$1"
}

# The dollars in filters are jq's.
# shellcheck disable=SC2016
render_overlay() {
    local name digest
    overlays=$state/fairlead/overlays
    rm -rf "$state/fairlead"
    cp -R "$root/deploy/fairlead" "$state/fairlead"
    fill "$overlays/stack/kustomization.yaml" 'sub("/REGISTRY/"; "/\($registry)/")'
    for name in fairlead fairlead-builder; do
        digest=$(digest_of "$name" "$version" 2>/dev/null) || digest=
        # A dry run has no image yet.
        [ -n "$digest$dry_run" ] || fail "the registry does not have $name:$version"
        fill "$overlays/stack/kustomization.yaml" 'sub("DIGEST-OF-\($name) }"; "\($digest) }")'
    done
    for name in stack/config/fairlead.yaml doks/public/gateway.yaml; do
        fill "$overlays/$name" 'sub("deploy\\.example\\.com"; $host)'
    done
    mkdir -p "$overlays/stack-pipelines"
    for name in $(pipelines); do
        cp "$root/pipelines/stack/$name.yaml" "$overlays/stack-pipelines/$name.yaml"
        fill "$overlays/stack-pipelines/$name.yaml" '
            sub("^(?<key> *github:) .*"; "\(.key) \($repository | tojson)")
            | sub("^(?<key> *branch:) .*"; "\(.key) \($branch | tojson)")
            | sub("^(?<key> *digitalocean:) acme"; "\(.key) \($registry | tojson)")
            | gsub("todo\\.example\\.com"; $todo_host)
            | sub("github\\.com/acme/todo/blob/main"; "github.com/\($repository)/blob/\($branch)")'
    done
    {
        say "apiVersion: kustomize.config.k8s.io/v1beta1"
        say "kind: Kustomization"
        say "resources: [../stack]"
        say "configMapGenerator:"
        say "  - name: fairlead-pipelines"
        say "    namespace: fairlead"
        say "    behavior: replace"
        say "    files:"
        for name in $(pipelines); do say "      - $name.yaml"; done
        # The server reads Secrets when it starts: others make it start anew.
        say "patches:"
        say "  - target: { kind: Deployment, name: fairlead }"
        say "    patch: '$(jq -nc --arg version "$(secrets_version)" '[{op: "add",
            path: "/spec/template/metadata/annotations", value: {"fairlead.dev/secrets": $version}}]')'"
    } >"$overlays/stack-pipelines/kustomization.yaml"
}

secrets_version() {
    [ -s "$state/kubeconfig" ] || return 0
    kube --namespace fairlead get secrets fairlead fairlead-pipelines --output json |
        jq -r '[.items[].metadata.resourceVersion] | join("-")'
}

apply_kustomization() {
    change kube apply --server-side --force-conflicts --field-manager=fairlead-stack --kustomize "$1"
}

start_fairlead() {
    render_overlay
    apply_kustomization "$overlays/stack-pipelines"
    change kube --namespace fairlead rollout status deployment/fairlead --timeout=10m
    change kube --namespace fairlead-builder rollout status deployment/fairlead-builder --timeout=10m
}

# --- its API, through the API server: nothing of it is open to the world for this

open_api() {
    local line=
    close_api
    # It is read before the command below has begun.
    : >"$state/forward.log"
    # Not by `kube`: a function would run in a shell of its own, which would be ended in the program's place. And not
    # with the lock: when this script is killed, it must not be waited for.
    kubectl --kubeconfig "$state/kubeconfig" --namespace fairlead port-forward service/fairlead :80 \
        >"$state/forward.log" 2>&1 9>&- &
    forward=$!
    printf '%s\n' "$forward" >"$state/forward.pid"
    for _ in $(seq 100); do
        line=$(sed -nE 's/^Forwarding from 127\.0\.0\.1:([0-9]+).*/\1/p' "$state/forward.log" | head -n 1)
        [ -z "$line" ] || break
        kill -0 "$forward" 2>/dev/null || break
        sleep 0.2
    done
    [ -n "$line" ] || { cat "$state/forward.log" >&2 && fail "the server in the cluster is not reached"; }
    fairlead_url=http://127.0.0.1:$line
}

# Also what a killed `up` left, if it is still that.
close_api() {
    local pid
    pid=$(recalled forward.pid)
    [ -n "$pid" ] || return 0
    if [[ $(ps -o args= -p "$pid" 2>/dev/null || true) == *"$state/kubeconfig"*port-forward* ]]; then
        kill "$pid" 2>/dev/null || true
    fi
    rm -f "$state/forward.pid"
    forward=
}

# fairlead METHOD PATH [BODY]: prints the answer's body. A forward ends with its pod, so it is opened anew.
fairlead() {
    local answer status
    for _ in 1 2 3 4 5 6; do
        answer=$(request "$(<"$state/fairlead-token")" "$1" "$fairlead_url$2" "${3-}" 2>/dev/null)
        status=${answer##*$'\n'}
        [ "$status" = 000 ] || break
        pause
        open_api
    done
    answer=${answer%$'\n'*}
    case $status in
    2??) printf '%s\n' "$answer" ;;
    401) return 3 ;;
    *)
        answer=$(jq -r '.detail? // .title? // empty' <<<"$answer" 2>&1) || true
        printf 'deploy/stack: Fairlead, %s %s: %s %s\n' "$1" "$2" "$status" "$answer" >&2
        return 1
        ;;
    esac
}

in_server() {
    kube --namespace fairlead exec deployment/fairlead -- fairlead "$@" --config /etc/fairlead/config/fairlead.yaml
}

revoke_tokens() {
    local id
    for id in $(in_server token list | awk -F '\t' -v name="$1" '$3 == name && $4 == "valid" { print $1 }'); do
        in_server token revoke "$id"
    done
}

# Prometheus reads Fairlead's metrics with a token of the role viewer, which only the cluster keeps.
let_prometheus_in() {
    local name token
    name=$(kube --namespace monitoring get secret fairlead-metrics --ignore-not-found --output name)
    [ -z "$name" ] || return 0
    revoke_tokens prometheus
    token=$(in_server token create --role viewer --name prometheus)
    TOKEN=$token jq -n '{apiVersion: "v1", kind: "Secret", type: "Opaque",
        metadata: {namespace: "monitoring", name: "fairlead-metrics"}, data: {token: (env.TOKEN | @base64)}}' | apply
}

# A token of the role deployer. One that a killed `up` made and did not keep is revoked.
sign_in() {
    local status=0
    if [ -s "$state/fairlead-token" ]; then
        fairlead GET /api/v1/pipelines >/dev/null || status=$?
        [ "$status" = 3 ] || return "$status"
    fi
    revoke_tokens deploy/stack
    in_server token create --role deployer --name deploy/stack >"$state/fairlead-token.new"
    mv "$state/fairlead-token.new" "$state/fairlead-token"
}

# deploy_pipeline NAME: brings it to a run that has succeeded, joining one that is under way.
deploy_pipeline() {
    local run answer status reason
    if [ -n "$dry_run" ]; then
        say "would ask Fairlead: POST /api/v1/pipelines/$1/runs, and wait for the run"
        return 0
    fi
    answer=$(fairlead GET "/api/v1/pipelines/$1" | jq -r '.live.revision? // empty')
    if [ -n "$answer" ] && [ "$answer" = "$head" ]; then
        say "  $1: the branch's head is live"
        return 0
    fi
    run=$(fairlead GET "/api/v1/runs?pipeline=$1&limit=1" | jq -c '.runs[0] // empty')
    case $(jq -r '.status // empty' <<<"$run") in
    queued | running) run=$(jq -r .id <<<"$run") ;;
    *) run=$(fairlead POST "/api/v1/pipelines/$1/runs" | jq -r .id) ;;
    esac
    while :; do
        answer=$(fairlead GET "/api/v1/runs/$run")
        status=$(jq -r .status <<<"$answer")
        reason=$(jq -r '.reason | if . then "\(.code): \(.message // .text // "")" else "" end' <<<"$answer")
        case $status in
        succeeded) say "  $1: run $run succeeded" && return 0 ;;
        skipped) say "  $1: run $run had nothing to do ($reason)" && return 0 ;;
        superseded) deploy_pipeline "$1" && return 0 ;;
        failed | errored | cancelled)
            fail "$1: run $run $status ($reason). See the run on the page, and docs/troubleshooting.md"
            ;;
        esac
        pause
    done
}
