#!/bin/bash
# export.sh - trained models leave as easily as weights came: `bag --export` gives the names, types and
# shapes that PyTorch's networks have (tests/golden/data/names.tsv), PyTorch loads them strictly and
# computes the same, and what would compute another function is refused.
. tests/tap.sh
python=${PEER_PYTHON:-.oracle/bin/python}
names=$root/${GOLDEN:-tests/golden/data}/names.tsv
[ -e "$names" ] || names=$GOLDEN/names.tsv
cd "$here" || exit 1
mkdir raw
"$bin/phantom" cvc sources >.said 2>&1 || explain .said
cp -r "$root/convert/demo" demo
sed -i 's/^size .*/size 224/' demo/cvc.conf
for e in vits vitt resnet50; do "$bin/weights" "$root/fetch/sources/random-$e.src" $e.bag; done
"$bin/fetch" sources/cvc.src raw/cvc
"$bin/pack" demo/cvc.conf sources/cvc.src raw/cvc cvc.bag
"$bin/split" random 0 cvc.bag cvc.tsv

start() { # out encoder option...
    local out=$1 encoder=$2
    shift 2
    "$bin/train" --init-only "$out" "$@" "$encoder-random-cvc" "$root/train/paper.conf" cvc.bag cvc.tsv "$encoder.bag"
}
# The bag's listing as names.tsv has it.
listed() { "$bin/bag" "$1" | awk -v OFS='\t' '!/^#/ { print $4, $1, $2 }' | LC_ALL=C sort; }
wanted() { awk -F'\t' -v OFS='\t' -v n="$1" '$1 == n { print $2, $3, $4 }' "$names" | LC_ALL=C sort; }
same_names() { cmp <(listed "$1") <(wanted "$2"); }

for net in vits:timm vitt:timm resnet50:torchvision smp:smp; do
    kind=${net%:*} to=${net#*:}
    encoder=$kind
    set --
    [ $kind != smp ] || { encoder=resnet50; set -- --set preset=smp; }
    ok "a $kind is made" start $kind.model $encoder "$@"
    ok "and exported to $to" "$bin/bag" --export $to $kind.model $kind.safetensors
    ok "with the names and shapes of $to" same_names $kind.safetensors $kind
    if [ -x "$root/$python" ]; then at=$root/$python; else at=$(command -v "$python"); fi
    if [ -n "$at" ]; then
        ok "which $to loads strictly, to compute the same" \
            "$at" "$root/tests/peer/load.py" $kind $kind.model $kind.safetensors
    else
        skip "$to loads a $kind strictly" 'no PyTorch here; make oracle'
    fi
done

dies 1 'encoder.first_dilated' 'what torchvision would compute otherwise is refused' \
    "$bin/bag" --export torchvision smp.model out
ok 'and nothing is written' test ! -e out
dies 2 'wanted timm' 'a program that is not known is refused' "$bin/bag" --export keras smp.model out
finish
