# From nothing, or from wherever it was stopped, to a stack that runs.

command_up() {
    checks
    [ "$problems" = 0 ] || fail "$problems of the checks failed; nothing was changed"

    step "What it costs"
    [ -s "$state/mark" ] || printf 'stack %s' "$(secret_text 8)" >"$state/mark"
    prepare_terraform
    [ ! -f "$state/ours" ] || adopt
    plan_infrastructure >"$state/plan.log" 2>&1 ||
        { cat "$state/plan.log" >&2 && fail "Terraform has no plan; see above"; }
    show_cost
    if [ -f "$state/changes" ]; then
        confirm_losses
        confirm "Make what is missing of it? (yes)" yes
        # From here on these names are ours.
        [ -f "$state/ours" ] || begin
        step "Network, registry, cluster: some minutes"
        change terraform_here apply -input=false -no-color "$state/plan"
    fi
    remember_associated

    step "Images of Fairlead"
    push_images

    step "Fairlead"
    cluster_credentials
    prepare_namespaces
    prepare_secrets
    start_fairlead

    step "Platform and application, by Fairlead"
    deploy_pipelines
    remember_associated
    say_addresses
}

deploy_pipelines() {
    local name
    if [ -z "$dry_run" ]; then
        open_api
        sign_in
        let_prometheus_in
    fi
    for name in $(pipelines); do
        deploy_pipeline "$name"
        case $name in
        # The kinds of certificates are there now.
        cert-manager) apply_kustomization "$overlays/doks/public" ;;
        # The application's smoke test goes through its name, and its certificate needs it too.
        gateway) wait_for_name gateway todo "$TODO_HOST" ;;
        esac
    done
    [ -n "$dry_run" ] || close_api
}

# wait_for_name NAMESPACE GATEWAY HOST: until the host's name leads to the gateway's load balancer.
wait_for_name() {
    local address told=
    [ -z "$dry_run" ] || return 0
    while :; do
        address=$(address_of "$1" "$2")
        [ -z "$address" ] || ! getent ahostsv4 "$3" | awk '{ print $1 }' | grep -qxF "$address" || return 0
        if [ "$told" != "${address:-none}" ]; then
            say "  ${address:+make a DNS record now: $3, A, $address. }Waiting…"
            told=${address:-none}
        fi
        pause
    done
}

address_of() {
    kube --namespace "$1" get gateways.gateway.networking.k8s.io "$2" --ignore-not-found --output json |
        jq -r '.status.addresses[0].value? // empty'
}

say_addresses() {
    [ -z "$dry_run" ] || return 0
    step "What is left to you"
    say "  DNS: $HOST, A, $(address_of fairlead fairlead)"
    say "  GitHub: a webhook of $REPOSITORY to https://$HOST/webhooks/github,"
    say "    of content type application/json; its secret:"
    say "    kubectl --kubeconfig $state/kubeconfig --namespace fairlead get secret fairlead \\"
    say "        --output jsonpath='{.data.webhook-secret}' | base64 -d"
    say "  The application: https://$TODO_HOST"
    say_who_is_told
}
