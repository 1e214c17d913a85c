#!/bin/bash
# run.sh - runs test programs one after another and counts. Each speaks TAP (cmocka's, or that of
# tests/tap.sh). The last line is "N passed, N failed, N skipped"; the exit status is the verdict.
#   usage, from the root of the sources: tests/run.sh PROGRAM... ; GOLDEN=DIR names other goldens
#   a program that ends badly without having named a failed test counts as one failed test
# It judges nothing itself.
set -u
export CMOCKA_MESSAGE_OUTPUT=TAP
logs=out/test
mkdir -p $logs
passed=0 failed=0 skipped=0

count() { grep -cE "$1" "$2"; }

for program in "$@"; do
    name=${program#out/bin}
    name=${name#[-/]}
    log=$logs/${name//\//-}.tap
    start=$SECONDS
    "$program" >"$log" 2>&1
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
    passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
    printf '%-32s %4d passed  %s%s%4d s\n' "$name" $good \
        "$([ $bad = 0 ] || echo "$bad failed  ")" "$([ $skip = 0 ] || echo "$skip skipped  ")" \
        $((SECONDS - start))
    if [ $bad != 0 ]; then
        grep -E -A12 '^not ok' "$log" | grep -vE '^ok |# SKIP' | cut -c1-300 | head -60
        [ $status -lt 128 ] || tail -30 "$log"
        echo "    the whole of it: $log"
    fi
    grep -E '^(not )?ok [0-9]+ # SKIP' "$log" | sed 's/.*# SKIP/    skipped:/'
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
