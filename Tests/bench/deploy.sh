#!/usr/bin/env bash
# What a person would write instead of Fairlead: fetch, build, push, start beside, wait, switch, test, retire.
# The same podman configuration, flags, registry and network as the server; the address changes hands in a file.
set -euo pipefail
work=$DATA/script
auth=$DATA/registries.json
pods() { podman pod ps --format '{{.Name}}' --filter label=script=yes; }

network() { podman network ls --format '{{.Name}}' | grep "^fairlead-$1-"; }

if [ "${1:-}" = remove ]; then
    for pod in $(pods); do podman pod rm -f -t 1 "$pod" >/dev/null; done
    exit 0
fi

mkdir -p "$work"
if [ -d "$work/mirror.git" ]; then
    git -C "$work/mirror.git" fetch -q origin '+refs/heads/main:refs/heads/main'
else
    git clone -q --bare "$URL" "$work/mirror.git"
fi
revision=$(git -C "$work/mirror.git" rev-parse main)
tree=$work/$revision
mkdir "$tree"
GIT_INDEX_FILE=$work/index git --git-dir="$work/mirror.git" --work-tree="$tree" checkout -q -f "$revision" -- .
when=$(git -C "$work/mirror.git" show -s --format=%ct main)

podman build -q --isolation oci --network "$(network build)" --layers --timestamp "$when" --iidfile "$work/id" "$tree" >/dev/null
repository=$REGISTRY/script/web
podman push -q --authfile "$auth" --tls-verify=false --digestfile "$work/digest" "$(cat "$work/id")" "docker://$repository"
image=$repository@$(cat "$work/digest")
podman pull -q --authfile "$auth" --tls-verify=false "$image" >/dev/null

old=$(pods)
name=script-${revision:0:8}
podman play kube --network "$(network pods)" - >/dev/null <<YAML
apiVersion: v1
kind: Pod
metadata: { name: $name, labels: { script: "yes" } }
spec:
  containers:
    - { name: web, image: "$image" }
YAML
infra=$(podman pod inspect "$name" --format '{{.InfraContainerID}}')
address=$(podman inspect "$infra" --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}')
until curl -fsS -o /dev/null "http://$address:8080/" 2>/dev/null; do sleep 0.05; done
running=$(podman inspect "$name-web" --format '{{.Image}}')
[ "sha256:$running" = "$(cat "$work/id")" ]
echo "$address" >"$work/address"
curl -fsS "http://$address:8080/" | grep -q Hello
for pod in $old; do podman pod rm -f -t 1 "$pod" >/dev/null; done
rm -rf "$tree"
