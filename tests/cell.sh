#!/bin/bash
# cell.sh - one cell of the demo, from made-up raw files to its score, apart from out/demo: twice the
# same bytes, at one thread and at two, killed on the way; and what shuffled pictures teach: nothing.
. tests/tap.sh
. tests/tree.sh
narrow='PROFILE=demo DATASETS=cvc ENCODERS=vits PRETRAIN=imagenet'
run=runs/main/vits-imagenet-cvc/random/s0
for t in one two; do new_tree "$here/$t"; done

cd "$here/one"
ok 'a cell is made from raw files to its score' make table1 $narrow THREADS=2
cd "$here/two"
tries=0
# Random moments within what the first half of a cell takes; each kill is of make and all it started.
until [ $tries = 5 ]; do
    setsid make table1 $narrow THREADS=1 >"$here/.said" 2>&1 &
    victim=$!
    sleep "$((RANDOM % 4)).$((RANDOM % 10))"
    kill -9 -- -$victim 2>/dev/null
    wait $victim 2>/dev/null
    tries=$((tries + 1))
done
ok 'killed five times it goes on, at one thread' make table1 $narrow THREADS=1
cd "$root"
ok 'with the same bytes in every file' same_results "$here/one/out/demo" "$here/two/out/demo"
ok 'and no checkpoint or temporary is left' \
    test -z "$(find "$here/two/out/demo" -name resume.bag -o -name '.*.tmp')"

# above RESULTS: how far the cell's Dice is above the best trivial baseline, as a whole number of
# thousandths.
above() { sed -n 's,^main/vits-imagenet-cvc/random/dice_above_baseline\tok\t\(-*[0-9.]*\).*,\1,p' "$1"; }
at_least() { [ -n "$1" ] && echo "$1 $2" | { read -r a b; [ "$(printf '%s\n%s\n' "$a" "$b" | sort -g | head -1)" = "$b" ]; }; }
cd "$here/one/out/demo"
learned=$(above results.tsv)
ok "the cell is .15 above the best trivial baseline (found ${learned:-none})" at_least "${learned:-x}" .15

# The same cell on dealt-out pictures, with the tools themselves.
shuffled=$here/shuffled
mkdir -p "$shuffled"
ok 'pictures are dealt out anew' "$bin/shuffle" data/cvc.bag "$shuffled/cvc.bag"
ok 'a run on them ends' "$bin/train" --threads 2 vits-imagenet-cvc "$root/train/demo.conf" "$shuffled/cvc.bag" \
    splits/cvc.random.s0.tsv weights/imagenet-vits.bag "$shuffled/$run"
ok 'and is scored' "$bin/eval" vits-imagenet-cvc "$shuffled/$run/model.bag" "$shuffled/cvc.bag" \
    splits/cvc.random.s0.tsv "$shuffled/$run/score.cvc.tsv"
"$bin/gather" "$shuffled/$run/score.cvc.tsv" runs/main/baseline-*/random/s0/score.cvc.tsv \
    "$root/report/published.tsv" "$shuffled/results.tsv" 2>"$here/.said"
shuffled_above=$(above "$shuffled/results.tsv")
ok "shuffled pictures teach nothing: less than .15 above (found ${shuffled_above:-none})" \
    bash -c "$(declare -f at_least); [ -n '$shuffled_above' ] && ! at_least '$shuffled_above' .15"
cd "$root"
finish
