# tap.sh - what the test scripts share; sourced, never run. A fresh empty folder $here for the whole
# script, removed at its end; `root` is the root of the sources, where the script starts.
#   ok 'sentence' COMMAND...      the command must succeed
#   dies CODE 'words' 'sentence' COMMAND...   must exit with CODE and say the words on stderr,
#                                 in one line, and leave no half-written file in $here
#   skip 'sentence' 'reason'
#   finish                        at the end: its status is the script's
set -u
root=$PWD
bin=$root/${BIN:-out/bin}
here=$(mktemp -d "${TMPDIR:-/tmp}/repolyp-test-XXXXXX")
trap 'chmod -R u+w "$here"; rm -rf "$here"' EXIT
tap_count=0 tap_failed=0

verdict() { # status sentence
    tap_count=$((tap_count + 1))
    [ "$1" = 0 ] || { tap_failed=$((tap_failed + 1)); printf 'not '; }
    echo "ok $tap_count - $2"
}
explain() { sed 's/^/# /' "$@" | head -40; }

ok() {
    local sentence=$1 status
    shift
    "$@" >"$here/.said" 2>&1
    status=$?
    verdict $status "$sentence"
    [ $status = 0 ] || { echo "# $*: exit $status"; explain "$here/.said"; }
}

dies() {
    local code=$1 words=$2 sentence=$3 status good=0
    shift 3
    "$@" >"$here/.said" 2>"$here/.cried"
    status=$?
    [ $status = "$code" ] || good=1
    grep -qF -- "$words" "$here/.cried" || good=1
    [ -z "$(find "$here" -name '.*.tmp' -print -quit)" ] || good=1
    verdict $good "$sentence"
    [ $good = 0 ] || {
        echo "# $*: exit $status, wanted $code with '$words'"
        explain "$here/.cried"
        find "$here" -name '.*.tmp' | sed 's/^/# left: /'
    }
}

skip() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count # SKIP $1: $2"
}

finish() {
    echo "1..$tap_count"
    exit $((tap_failed != 0))
}
