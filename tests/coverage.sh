#!/bin/bash
# coverage.sh - the tests that reach some rooms, with branches counted: a line a file, and for each room
# a verdict: 90 of 100 branches or more. What counts as a branch: branches.sh.
#   usage, from the root of the sources, by make coverage: tests/coverage.sh ROOM... -- PROGRAM...
# out/coverage/ gets taken.txt (the lines), missed.txt (lines of source with a branch never taken) and
# said.txt (what the tests said). What tools of other rooms take of these is not counted.
. tests/tap.sh
rooms=()
while [ "$1" != -- ]; do rooms+=("$1"); shift; done
shift
rm -rf out/coverage
mkdir -p out/coverage/bin
# Under one roof: tools that count, and the plain ones in the place of those that do not.
for tool in out/bin/* out/bin-cov/*; do ln -sf "$root/$tool" out/coverage/bin/; done
find out/obj/cov -name '*.gcda' -delete
BIN=out/coverage/bin tests/run.sh "$@" tests/{cli,convert_cli,fetch_cli,fetch_nginx,export,hostile,torture}.sh |
    tee out/coverage/said.txt
verdict ${PIPESTATUS[0]} 'every test passes while branches are counted'
for room in "${rooms[@]}"; do
    tests/branches.sh $room/*.c >"$here/taken"
    tests/branches.sh --missed $room/*.c >>out/coverage/missed.txt
    sed "s,^all ,$room/," "$here/taken" | tee -a out/coverage/taken.txt | sed 's/^/# /'
    percent=$(awk '/^all / { print $5 }' "$here/taken")
    verdict $(awk -v p="$percent" 'BEGIN { exit !(p >= 90) }'; echo $?) "$room: $percent of 100 branches are taken"
done
finish
