# Fairlead's own two images. Their tag is a digest of what they are made of, so that nothing is built twice.

source_digest() {
    (cd "$root" && git ls-files -z -- Package.swift Sources web-static docs/api deploy/fairlead |
        xargs -0 sha256sum | sha256sum | cut -c 1-16)
}

# digest_of IMAGE TAG: as the registry has it; nothing if it has not.
digest_of() {
    local answer
    answer=$(api_list "/v2/registries/$REGISTRY/repositories/$1/tags" tags) || return 0
    jq -r --arg tag "$2" '.[] | select(.tag == $tag) | .manifest_digest' <<<"$answer"
}

push_images() {
    version=$(source_digest)
    push_image fairlead --file "$root/deploy/fairlead/Containerfile" "$root"
    push_image fairlead-builder "$root/deploy/fairlead/builder"
}

push_image() {
    local name=$1 image=registry.digitalocean.com/$REGISTRY/$1:$version
    shift
    if [ -n "$(digest_of "$name" "$version" 2>/dev/null)" ]; then
        say "$image is in the registry"
        return 0
    fi
    change podman build --platform linux/amd64 --tag "$image" "$@"
    if [ -z "$dry_run" ]; then
        # Worth an hour, and only for this push.
        api GET "/v2/registries/$REGISTRY/docker-credentials?read_write=true&expiry_seconds=3600" >"$state/push.json"
    fi
    change podman push --authfile "$state/push.json" "$image"
    rm -f "$state/push.json"
}
