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
    push_image fairlead
    push_image fairlead-builder
}

push_image() {
    local image=registry.digitalocean.com/$REGISTRY/$1:$version
    if [ -n "$(digest_of "$1" "$version" 2>/dev/null)" ]; then
        say "$image is in the registry"
        return 0
    fi
    "build_$1" "$image"
    # Worth an hour, and only for this push: at the end of any other kind, close_state takes it away.
    credentials=$state/push.json
    [ -n "$dry_run" ] ||
        api GET "/v2/registries/$REGISTRY/docker-credentials?read_write=true&expiry_seconds=3600" >"$credentials"
    change podman push --authfile "$credentials" "$image"
    rm -f "$credentials"
}

# The server of the stack has helm and kubectl in it, which the platform's pipelines need.
build_fairlead() {
    local bare=localhost/fairlead:$version
    change podman build --platform linux/amd64 --file "$root/deploy/fairlead/Containerfile" --tag "$bare" "$root"
    change podman build --platform linux/amd64 --build-arg "FAIRLEAD_IMAGE=$bare" --tag "$1" \
        --file "$root/deploy/fairlead/Containerfile.tools" "$root"
}

build_fairlead-builder() {
    change podman build --platform linux/amd64 --tag "$1" "$root/deploy/fairlead/builder"
}
