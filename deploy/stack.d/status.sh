# What is there, what runs, and what it costs now.

command_status() {
    local found ready
    ready='def ready: [.status.conditions[]? | select(.type == "Ready") | .status][0] == "True";'
    step "In the account"
    found=$(inventory)
    show_inventory "$found"
    [ -n "$(grep -P '^cluster\t' <<<"$found" || true)" ] || return 0
    step "In the cluster"
    cluster_credentials
    kube get nodes --output json | jq -r "$ready"' .items[]
        | "  node \(.metadata.name): \(if ready then "ready" else "not ready" end)"'
    kube get pods --all-namespaces --output json | jq -r "$ready"' .items[]
        | select(.status.phase != "Succeeded" and (ready | not))
        | "  not ready: \(.metadata.namespace)/\(.metadata.name)"'
    say_who_is_told
    step "Deployed by Fairlead"
    [ -s "$state/fairlead-token" ] || { say "  nothing yet: deploy/stack up" && return 0; }
    open_api
    fairlead GET /api/v1/pipelines | jq -r '.pipelines[]
        | "  \(.name): \(if .live then "run \(.live.run // "?") is live" else "nothing live" end)"'
    fairlead GET '/api/v1/runs?limit=100' | jq -r '.runs | group_by(.pipeline)[] | max_by(.id)
        | select(.status | IN("succeeded", "skipped") | not)
        | "  \(.pipeline): run \(.id) is \(.status) \(.reason // {} | "\(.code // "") \(.message // "")")"'
    close_api
}
