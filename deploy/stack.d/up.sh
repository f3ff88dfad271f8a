# From nothing, or from wherever it was stopped, to a stack that runs.

command_up() {
    checks
    [ "$problems" = 0 ] || fail "$problems of the checks failed; nothing was changed"

    step "What it costs"
    prepare_terraform
    # From here on these names are ours.
    [ ! -f "$state/ours" ] || adopt
    plan_infrastructure >"$state/plan.log" 2>&1 || { cat "$state/plan.log" >&2 && fail "Terraform has no plan; see above"; }
    show_cost
    if [ -f "$state/changes" ]; then
        confirm "Make what is missing of it? (yes)" yes
        touch "$state/ours"
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
    local file name
    if [ -n "$dry_run" ]; then
        for file in $(pipelines); do
            say "would ask Fairlead: POST /api/v1/pipelines/$(pipeline_name "$file")/runs, and wait"
        done
        return 0
    fi
    open_api
    sign_in
    for file in $(pipelines); do
        name=$(pipeline_name "$file")
        deploy_pipeline "$name"
        # The kinds of certificates are there now.
        [ "$name" != cert-manager ] || change kube apply --server-side --force-conflicts --field-manager=fairlead-stack \
            --kustomize "$state/fairlead/overlays/doks/public"
    done
    close_api
}

say_addresses() {
    step "What is left to you"
    [ -z "$dry_run" ] || return 0
    kube get gateways.gateway.networking.k8s.io --all-namespaces --output json |
        jq -r '.items[] | "  DNS: an A record of \([.spec.listeners[].hostname // empty] | unique | join(", ")) to \(.status.addresses[0].value // "(no address yet: deploy/stack status)")"'
    say "  GitHub: a webhook of $REPOSITORY to https://$HOST/webhooks/github; its secret:"
    say "    kubectl --kubeconfig $state/kubeconfig --namespace fairlead get secret fairlead -o jsonpath='{.data.webhook-secret}' | base64 -d"
}
