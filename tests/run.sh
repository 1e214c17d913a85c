#!/bin/bash
# run.sh - runs test programs, as many at a time as there are processors, and counts. Each speaks TAP
# (cmocka's, or that of tests/tap.sh). The last line is "N passed, N failed, N skipped"; the exit status
# is the verdict.
#   usage, from the root of the sources: tests/run.sh PROGRAM... [-- PROGRAM...]
#   those behind -- run one after another, after the others; GOLDEN=DIR names other goldens
#   a program that ends badly without having named a failed test counts as one failed test
# It judges nothing itself.
set -u
export CMOCKA_MESSAGE_OUTPUT=TAP
export logs=out/test
mkdir -p $logs
rm -f $logs/*.count

count() { grep -cE "$1" "$2"; }

# one PROGRAM: runs it, says how it went, and leaves its numbers in NAME.count.
one() {
    local program=$1 name log start=$SECONDS status skip bad good
    name=${program#out/bin}
    name=${name#[-/]}
    log=$logs/${name//\//-}.tap
    "$program" >"$log" 2>&1 </dev/null
    status=$?
    skip=$(count '^(not )?ok [0-9]+ # SKIP' "$log")
    bad=$(($(count '^not ok' "$log") - $(count '^not ok [0-9]+ # SKIP' "$log")))
    good=$(($(count '^ok' "$log") - $(count '^ok [0-9]+ # SKIP' "$log")))
    if [ $status != 0 ] && [ $bad = 0 ]; then
        bad=1
        echo "not ok - $name ended with status $status" >>"$log"
    fi
    if [ $((good + bad + skip)) = 0 ]; then
        bad=1
        echo "not ok - $name ran no test" >>"$log"
    fi
    echo $good $bad $skip >"${log%.tap}.count"
    flock $logs/.said bash -c 'cat' < <(say "$name" "$log" "$status" $good $bad $skip $((SECONDS - start)))
}

say() { # name log status good bad skip seconds
    printf '%-32s %4d passed  %s%s%4d s\n' "$1" "$4" \
        "$([ "$5" = 0 ] || echo "$5 failed  ")" "$([ "$6" = 0 ] || echo "$6 skipped  ")" "$7"
    if [ "$5" != 0 ]; then
        grep -E -A12 '^not ok' "$2" | grep -vE '^ok |# SKIP' | cut -c1-300 | head -60
        [ "$3" -lt 128 ] || tail -30 "$2"
        echo "    the whole of it: $2"
    fi
    grep -E '^(not )?ok [0-9]+ # SKIP' "$2" | sed 's/.*# SKIP/    skipped:/'
}
export -f count one say

at_a_time=$(nproc)
together=() alone=()
while [ $# != 0 ] && [ "$1" != -- ]; do together+=("$1"); shift; done
[ $# = 0 ] || shift
alone=("$@")
each() { # processes program...
    local n=$1
    shift
    [ $# = 0 ] || printf '%s\0' "$@" | xargs -0 -n 1 -P "$n" bash -c 'one "$1"' _
}
each "$at_a_time" "${together[@]}"
each 1 "${alone[@]}"

passed=0 failed=0 skipped=0 ran=0
for file in $logs/*.count; do
    read -r good bad skip <"$file"
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip)) ran=$((ran + 1))
done
if [ $ran != $((${#together[@]} + ${#alone[@]})) ]; then
    echo "only $ran of $((${#together[@]} + ${#alone[@]})) programs came to an end"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
