#!/bin/bash
# differential.sh - what is given to differential.py: fuzzers' seeds, what was found from them (CORPUS=DIR)
# and hostile files of two more seeds. PEER_PYTHON names an interpreter that has tests/peer/requirements.txt.
. tests/tap.sh
if ! "${PEER_PYTHON:-false}" -c 'import torch, safetensors, numpy, h5py' 2>"$here/why"; then
    echo "differential: no Python with PyTorch, safetensors, numpy and h5py (PEER_PYTHON='${PEER_PYTHON:-}');" \
        "make oracle installs one" >&2
    tail -1 "$here/why" >&2
    exit 3
fi
tests/fuzz/seeds.sh "$here/seeds" || exit
for seed in 1 2; do "$bin/hostile" --seed $seed --seeds "$here/seeds.$seed" || exit; done
folders=()
for folder in "$here"/seeds* "${CORPUS:-$here/none}"; do
    for kind in checkpoint zip story npz bag h5 pickle archive; do
        [ ! -d "$folder/$kind" ] || folders+=("$folder/$kind")
    done
done
"$PEER_PYTHON" tests/peer/differential.py "$bin" "$here/work" "${folders[@]}"
exit
