# How the parts speak, ask, wait and change things.

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
fail() { printf 'deploy/stack: %s\n' "$*" >&2 && exit 1; }

# Every command that changes something outside of the state folder goes through here.
change() {
    if [ -z "$dry_run" ]; then
        "$@"
        return
    fi
    local words=("$@") line
    case $1 in
    kube) words=(kubectl --kubeconfig "$home/kubeconfig" "${@:2}") ;;
    terraform_here) words=(terraform "-chdir=$home/terraform" "${@:2}") ;;
    esac
    printf -v line ' %q' "${words[@]}"
    say "would run:${line//"$state"/"$home"}"
}

# confirm QUESTION ANSWER: goes on only if the answer is typed.
confirm() {
    [ -z "$dry_run$yes" ] || return 0
    local typed=
    printf '%s ' "$1"
    read -r typed || true
    [ "$typed" = "$2" ] || fail "stopped; nothing was changed"
}

pause() { sleep "${STACK_POLL_SECONDS:-10}"; }

# secret_text BYTES: a random secret of hexadecimal digits.
secret_text() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
