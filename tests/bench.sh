#!/bin/bash
# bench.sh - the benchmarks' own workings, where no time is worth anything: the tables' form, a peer that
# is asked in turn, what a missing GPU or a broken side comes to. The GPU is the emulated one, the peer a
# script that answers as tests/peer/peer.py does; PEER_PYTHON runs that one too, on the processor.
. tests/tap.sh
emulated=$root/out/bin-emu
python=${PEER_PYTHON:-$root/.oracle/bin/python}
cd "$here" || exit 1
ln -s "$root/train" train

# A peer: its arguments to a file, a time for each request.
cat >peer <<'PEER'
echo "$*" >>asked
while read -r request; do
    case $request in
    run) echo 0.5 ;;
    mem) echo 123 ;;
    *) exit 1 ;;
    esac
done
PEER
# The tool train, for a whole cell, on the processor.
cat >cell <<CELL
#!/bin/bash
echo "\$*" >>cells
[ ! -e broken ] || exit 3
exec "$bin/train" "\${@/#gpu/cpu}" 2>/dev/null
CELL
chmod +x cell

tiny() { # only options...
    local only=$1
    shift
    "$emulated/bench_gpu" --encoder vitt --side 32 --batch 2 --steps 1 --rounds 1 --train ./cell \
        --set decoder.width=16 --set decoder.skip_width=8 --pictures 5 --epochs 1 --only "$only" "$@" out.tsv
}
head_of() { head -1 "$1"; }
column() { awk -F'\t' -v c="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == c) k = i } NR > 1 { print $k }' "$1"; }
even() { awk -F'\t' 'NR == 1 { n = NF } NF != n { bad = 1 } END { exit bad || NR < 2 }' "$1"; }
is() { [ "$1" = "$2" ] || { echo "found '$1', wanted '$2'"; return 1; }; }

dies 3 'device gpu' 'without a GPU the benchmark says so' \
    env CUDA_VISIBLE_DEVICES= "$bin/bench_gpu" "$root/tests/peer/peer.py" none.tsv
ok 'and leaves no table' test ! -e none.tsv
dies 3 'no CUDA device' 'so it does where the driver finds none' \
    env EMU_DEVICES=0 "$emulated/bench_gpu" "$root/tests/peer/peer.py" none.tsv
dies 2 'from 2 to 4096' 'a batch of one is refused' "$emulated/bench_gpu" --batch 1 peer none.tsv
dies 3 'no peer' 'a peer that is required must be named' "$emulated/bench_gpu" --required peer none.tsv

ok 'inference is timed beside a peer' tiny 'infer vitt plain fp32 2' --peer sh peer
ok 'each row has every column' even out.tsv
ok 'under the heads of the other benchmark' "$bin/bench" --only nothing peer other.tsv
ok 'which are the same' is "$(head_of other.tsv)" "$(head_of out.tsv)"
ok 'the peer is asked in both layouts' is "$(column out.tsv peer | paste -sd' ')" \
    'torch-channels_last torch-contiguous'
ok 'on a GPU, with the same size, batch and steps' test \
    "$(grep -c -- '--batch 2 --threads 0 --device cuda --way eager --side 32 --steps 1' asked)" = 2
ok 'ratios are its median by ours' awk -F'\t' 'NR > 1 && ($12 * 2 - .5)^2 > 1e-9 { exit 1 }
    NR > 1 && ($13 - $12 / $9)^2 > 1e-5 { exit 1 }' out.tsv
ok 'memory is that of both' test "$(column out.tsv memory_peer | sort -u)" = 123
ok 'a step is timed in parts' tiny 'stages vitt plain fp32' peer
ok 'every stage of the network has its time and its floors' even out.tsv.stages
ok 'from the stem to the update' is "$(column out.tsv.stages stage | sed -n '1p;$p' | paste -sd' ')" 'stem adam'

ok 'a start is timed cold and warm' tiny 'start vitt plain' peer
ok 'in rows of their own' is "$(column out.tsv what | paste -sd' ')" 'start-cold start-warm'
ok 'a whole cell too' tiny 'cell vitt plain' peer
ok 'in rows of their own' is "$(column out.tsv what | paste -sd' ')" 'cell-cold cell-warm'
ok 'by the tool train with a file of plans' test "$(grep -c -- '--device gpu --plans out.tsv.plans.cold' cells)" = 2
ok 'nothing of it is left' test ! -e out.tsv.cell -a ! -e out.tsv.pack -a ! -e out.tsv.plans.cold
touch broken
dies 1 'cases without a time' 'a cell that breaks is an answer of no' tiny 'cell vitt plain' peer

echo 'exit 1' >peer
ok 'a peer that breaks leaves our times' tiny 'infer vitt plain fp32' --peer sh peer
ok 'and no ratio' is "$(column out.tsv ratio)" na
dies 3 'the peer gave no time' 'unless it is required' tiny 'infer vitt plain fp32' --required --peer sh peer

if "$python" -c 'import torch, timm' 2>/dev/null; then
    asks() { # way
        printf 'run\nrun\nmem\n' | "$python" "$root/tests/peer/peer.py" --device cpu --encoder vitt --side 32 \
            --batch 2 --precision bf16 --layout channels_last --way "$1" >answers && [ "$(wc -l <answers)" = 3 ]
    }
    ok 'PyTorch answers, eager' asks eager
    ok 'and compiled' asks compile
else
    skip 'PyTorch answers' 'no python with torch: make oracle'
fi
finish
