#!/bin/bash
# faults.sh - the world fails under the tools of train, eval and report (fetch, convert and core have
# torture.sh): every allocation, write, sync, close and rename in turn (FAIL_AT), a full
# disk, signals, outputs cut short. After each: the right exit code, one message, nothing half written.
# Works on what `make demo` made.
. tests/tap.sh
demo=$root/out/demo
[ -e "$demo/paper.pdf" ] || make demo >/dev/null 2>&1 || exit 1
run=$demo/runs/main/vits-imagenet-cvc/random/s0
cell="vits-imagenet-cvc $root/train/demo.conf $demo/data/cvc.bag $demo/splits/cvc.random.s0.tsv $demo/weights/imagenet-vits.bag"
sources=$demo/sources
ln -s "$root/convert" "$root/report" "$root/train" "$here"
cd "$here" || exit 1

# torture NAME DENSE OUT COMMAND...: FAIL_AT = 1, 2, 3 ... DENSE, then by leaps, until the command passes;
# each failure must be exit 3 with a message and leave no temporary and no OUT but a whole one.
torture() {
    local name=$1 dense=$2 out=$3 n=1 tried=0 status bad=
    shift 3
    "$@" >.said 2>.cried
    rm -f whole
    [ ! -f "$out" ] || mv "$out" whole
    while [ $n -lt 1000000 ]; do
        rm -rf "$out"
        FAIL_AT=$n timeout 120 "$@" >.said 2>.cried
        status=$?
        [ $status != 0 ] || break
        tried=$((tried + 1))
        [ $status = 3 ] || bad="FAIL_AT=$n: exit $status"
        [ -s .cried ] || bad="FAIL_AT=$n: no message"
        [ ! -f "$out" ] || cmp -s "$out" whole || bad="FAIL_AT=$n: $out is not whole"
        [ -z "$(find . -name '.*.tmp' -print -quit)" ] || bad="FAIL_AT=$n: left $(find . -name '.*.tmp')"
        [ -z "$bad" ] || break
        n=$((n < dense ? n + 1 : n + n / 5 + 1))
    done
    verdict $([ -z "$bad" ] && [ $tried -gt 0 ]; echo $?) "$name survives $tried failures"
    [ -z "$bad" ] || { echo "# $bad"; explain .cried; }
}
torture train 8 run/run.tsv "$bin/train" --set steps=1 $cell run
rm -rf run
torture eval 15 out "$bin/eval" vits-imagenet-cvc "$run/model.bag" "$demo/data/cvc.bag" \
    "$demo/splits/cvc.random.s0.tsv" out
torture experiment 100 out "$bin/experiment" vits-random-cvc out
torture gather 100 out "$bin/gather" "$run/score.cvc.tsv" report/published.tsv out
torture table 100 out.md "$bin/table" "$demo/results.tsv" out.md
torture montage 40 out.png "$bin/montage" "$demo/data/cvc.bag" "$run/masks.bag" out.png
torture weave 100 out.md "$bin/weave" --draft --include "$demo" --root "$root" "$root/paper.md" "$demo/results.tsv" out.md

# A full disk: a small file system of its own where that is allowed.
mkdir small
if mount -t tmpfs -o size=256k none small 2>/dev/null; then
    dies 3 small 'a full disk stops pack' "$bin/pack" convert/demo/cvc.conf "$sources/cvc.src" "$demo/raw/cvc" small/out
    ok 'a full disk: nothing is left' test -z "$(ls -A small)"
    dies 3 small 'a full disk stops weights' "$bin/weights" "$sources/imagenet-vits.src" "$demo/raw/imagenet-vits" small/out
    ok 'a full disk: nothing is left of weights' test -z "$(ls -A small)"
    dies 3 small 'a full disk stops train' "$bin/train" --set steps=1 $cell small/run
    ok 'a full disk: no run record' test ! -e small/run/run.tsv
    umount small
else
    skip 'a full disk' 'mounting is not allowed here'
fi

# Signals: a checkpoint, exit 3, and the same bytes when it goes on.
ok 'a run that nobody disturbs' "$bin/train" --threads 2 $cell undisturbed
stop() { # SIGNAL
    rm -rf stopped
    "$bin/train" --threads 2 $cell stopped >.said 2>.cried &
    local pid=$!
    sleep "$((2 + RANDOM % 3)).$((RANDOM % 10))"
    kill "-$1" $pid
    wait $pid
    local status=$?
    ok "$1: a checkpoint and exit 3" test $status = 3 -a -e stopped/resume.bag
    "$bin/train" --threads 2 $cell stopped >.said 2>&1
    ok "$1: gone on to the same model" cmp stopped/model.bag undisturbed/model.bag
    ok "$1: and the same record" cmp stopped/run.tsv undisturbed/run.tsv
}
for s in TERM INT USR1; do stop $s; done

# cut WHAT FILE READER...: FILE cut at each sixteenth is refused by its reader (exit 1 or 3), by name.
# CUT in READER stands for the cut file.
cut_short() {
    local what=$1 file=$2 size i status bad=
    shift 2
    size=$(stat -c %s "$file")
    for i in $(seq 0 15); do
        rm -rf out
        head -c $((size * i / 16)) "$file" >CUT
        # A text cut between two lines is a shorter text, and only its makers know.
        [ "$(tail -c 1 CUT | od -An -tx1)" != ' 0a' ] || truncate -s -1 CUT
        "$@" >.said 2>.cried
        status=$?
        case $status in 1 | 3) ;; *) bad="cut at $i/16: exit $status" ;; esac
        grep -q CUT .cried || bad="cut at $i/16: not named"
        [ -z "$bad" ] || break
    done
    verdict $([ -z "$bad" ]; echo $?) "$what cut short is refused"
    [ -z "$bad" ] || { echo "# $bad"; explain .cried; }
}
cut_short 'a pack' "$demo/data/cvc.bag" "$bin/split" random 0 CUT out
cut_short 'a split' "$demo/splits/cvc.random.s0.tsv" "$bin/eval" vits-imagenet-cvc "$run/model.bag" "$demo/data/cvc.bag" CUT out
cut_short 'a model' "$run/model.bag" "$bin/eval" vits-imagenet-cvc CUT "$demo/data/cvc.bag" "$demo/splits/cvc.random.s0.tsv" out
cut_short 'weights' "$demo/weights/imagenet-vits.bag" "$bin/train" ${cell% *} CUT cut.run
cut_short 'masks' "$run/masks.bag" "$bin/montage" "$demo/data/cvc.bag" CUT out.png
cut_short 'results' "$demo/results.tsv" "$bin/table" CUT out.md
cut_short 'an archive' "$demo/raw/cvc" "$bin/pack" convert/demo/cvc.conf "$sources/cvc.src" CUT out
cut_short 'a checkpoint' "$demo/raw/imagenet-resnet50" "$bin/weights" "$sources/imagenet-resnet50.src" CUT out
cd "$root" || exit 1
finish
