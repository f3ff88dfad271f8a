# Whom Alertmanager tells. Its configuration has the addresses of receivers, so it is treated as a secret.

alerts_now() {
    kube --namespace monitoring get secret alertmanager-config --ignore-not-found --output json |
        jq -r '.data["alertmanager.yaml"]? // "" | @base64d'
}

# told CONFIGURATION: whether its first route leads to somebody.
told() { [ -n "$1" ] && ! grep -qE '^  receiver: "?nobody"?$' <<<"$1"; }

# The configuration of this call, or the one that is there, or the repository's, by which nobody is told.
alerts_wanted() {
    local now=
    [ ! -s "$state/kubeconfig" ] || now=$(alerts_now)
    if [ -n "$ALERTMANAGER_CONFIG" ]; then
        printf '%s\n' "$ALERTMANAGER_CONFIG"
    elif told "$now"; then
        printf '%s\n' "$now"
    else
        cat "$root/deploy/platform/monitoring/alertmanager.yaml"
    fi
}

check_alerts() {
    if [ -z "$ALERTMANAGER_CONFIG" ]; then
        note "ALERTMANAGER_CONFIG is not set: unless an earlier up had it, nobody will be told of alerts"
        return 0
    fi
    if ! told "$ALERTMANAGER_CONFIG" || ! grep -q '_configs:' <<<"$ALERTMANAGER_CONFIG"; then
        bad "ALERTMANAGER_CONFIG tells nobody: its first route leads to no receiver that has an address"
    elif ! command -v amtool >/dev/null; then
        note "ALERTMANAGER_CONFIG was not looked at: there is no amtool (Debian: prometheus-alertmanager)"
    elif amtool check-config <<<"$ALERTMANAGER_CONFIG" >"$state/refused" 2>&1; then
        good "Alertmanager takes ALERTMANAGER_CONFIG"
    else
        bad "Alertmanager does not take ALERTMANAGER_CONFIG: $(grep -m 1 FAILED "$state/refused")"
    fi
}

say_who_is_told() {
    if told "$(alerts_now)"; then
        say "  Alerts go where the Secret monitoring/alertmanager-config sends them"
    else
        say "  NOBODY IS TOLD of alerts: deploy/platform/monitoring/alertmanager.yaml says how somebody is"
    fi
}
