# DigitalOcean's API. The token goes to curl through a pipe: a command line can be read by everybody on a machine.

api_url=${DIGITALOCEAN_API_URL:-https://api.digitalocean.com}
api_url=${api_url%/}

bearer() { printf 'header = "Authorization: Bearer %s"\n' "$1"; }

# request TOKEN METHOD URL [BODY]: prints the answer's body, then a line with its status; 000 where nobody answered. Of
# several tries, the last one's: curl empties a file before it asks again, and on standard output would join them. The
# file has no name any more when it is written: what is in it may be secret, and nothing of it outlives a kill.
request() {
    local options=(--silent --show-error --request "$2" --max-time 60 --write-out '%{http_code}') file status
    # What only asks may be asked again, also when it was too often (429).
    [ "$2" != GET ] || options+=(--retry 5)
    [ -z "${4-}" ] || options+=(--header 'Content-Type: application/json' --data-binary @-)
    file=$(mktemp "$state/answer.XXXXXX")
    {
        rm "$file"
        status=$(curl "${options[@]}" --output /dev/fd/8 --config <(bearer "$1") "$3" <<<"${4-}") || true
        cat <&8
        printf '\n%s\n' "${status:-000}"
    } 8<>"$file"
}

# api METHOD PATH [BODY]: prints the answer's body. Returns 4 for "not found"; other refusals are told, and return 1.
api() {
    local answer status
    answer=$(request "$DIGITALOCEAN_TOKEN" "$1" "$api_url$2" "${3-}")
    status=${answer##*$'\n'}
    answer=${answer%$'\n'*}
    case $status in
    2??) printf '%s\n' "$answer" ;;
    404) return 4 ;;
    *)
        printf 'deploy/stack: %s %s: %s %s\n' "$1" "$2" "$status" "$(jq -r '.message? // empty' <<<"$answer" 2>&1)" >&2
        return 1
        ;;
    esac
}

# api_list PATH KEY: all items of a list, page after page, as one JSON array. Through pipes: an argument has 128 KiB at
# most.
api_list() {
    local page=1 answer joint='?'
    [[ $1 != *\?* ]] || joint='&'
    while :; do
        answer=$(api GET "$1${joint}page=$page&per_page=200") || return
        jq -c --arg key "$2" '.[$key] // []' <<<"$answer"
        [ "$(jq -r '.links.pages.next // ""' <<<"$answer")" != "" ] || break
        page=$((page + 1))
    done | jq -cs 'add // []'
}

# api_change METHOD PATH [BODY]: what changes the account. What is gone already is as good as deleted.
api_change() {
    if [ -n "$dry_run" ]; then
        say "would ask: $1 $api_url$2 ${3-}"
        return 0
    fi
    local status=0
    api "$@" >/dev/null || status=$?
    [ "$status" != 4 ] || [ "$1" != DELETE ] || return 0
    return "$status"
}
