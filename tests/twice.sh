#!/bin/bash
# twice.sh - the whole demo a second time, in another folder, at one thread, killed at five random
# moments: the same bytes as out/demo's, and every cell above every trivial baseline.
. tests/tap.sh
. tests/tree.sh
ok 'the demo is made' make demo
[ -e out/demo/paper.pdf ] || finish
new_tree "$here/again"
cd "$here/again"
for moment in 1 2 3 4 5; do
    setsid make demo THREADS=1 >"$here/.said" 2>&1 &
    victim=$!
    sleep $((RANDOM % 40))
    kill -9 -- -$victim 2>/dev/null
    wait $victim 2>/dev/null
done
ok 'killed five times, made again at one thread' make demo THREADS=1
cd "$root"
ok 'the second demo has the bytes of the first' same_results out/demo "$here/again/out/demo"
ok 'no temporary is left' test -z "$(find "$here/again/out" -name '.*.tmp')"
least=$(sed -n 's,^main/all/random/least-above-baseline\tok\t\([-0-9.]*\).*,\1,p' out/demo/results.tsv)
ok "every cell is .15 above the best trivial baseline (least: ${least:-none})" \
    bash -c "[ -n '$least' ] && [ \$(printf '%s\n.15\n' '$least' | sort -g | head -1) = .15 ]"
ok 'twelve cells were run' test "$(grep -c '^main/[a-z0-9]*-[a-z]*imagenet-[a-z]*/random/dice	ok' out/demo/results.tsv)" = 12
ok "the paper's first line says that its numbers are no result" \
    bash -c "head -1 out/demo/paper.md | grep -q 'not results'"
ok 'a second make does nothing' bash -c "! make demo | grep -q '^out/bin'"
finish
