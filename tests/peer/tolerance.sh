#!/bin/bash
# tolerance.sh - each cell of the demo on ref, cpu and gpu in each precision: two steps from one untrained
# model on the same four pictures, pair by pair beside the bounds of tolerance.tsv, which were set before.
#   usage: make tolerance [CELLS=...]   (which says where things are). Without a GPU its rows are of the
# emulated one, and say so. Writes out/tolerance.tsv; exit 1 where a bound is exceeded.
set -u
: "${BIN:?run it by make tolerance}" "${P:?}" "${RECIPE:?}" "${CELLS:?}"
here=$(mktemp -d "${TMPDIR:-/tmp}/repolyp-tolerance-XXXXXX")
trap 'rm -rf "$here"' EXIT
export EMU_WATCH=0
gpu=$BIN
[ -n "${GPU:-}" ] || gpu=out/bin-emu
status=0

take() { # DIR DEVICE PRECISION
    local bin=$BIN
    [ "$2" != gpu ] || bin=$gpu
    "$bin/tolerance" run --threads 1 --batch 4 --steps 2 --device "$2" --precision "$3" "$1/start.bag" \
        "$1/pack" "$1/split" "$1/$2.$3.bag"
}
# cell NAME: its rows, in a file of its own.
cell() {
    local encoder arm data dir=$here/$1 machine
    IFS=- read -r encoder arm data <<<"$1"
    mkdir "$dir"
    ln -s "$PWD/$P/data/$data.bag" "$dir/pack"
    ln -s "$PWD/$P/splits/$data.random.s0.tsv" "$dir/split"
    "$BIN/train" --device cpu --init-only "$dir/start.bag" "$1" "$RECIPE" "$dir/pack" "$dir/split" \
        "$P/weights/$arm-$encoder.bag" "$dir/run" 2>"$dir/said" || { cat "$dir/said" >&2; return 3; }
    for machine in 'ref fp32' {cpu,gpu}' '{fp32,tf32,fp16,bf16}; do
        # shellcheck disable=SC2086
        take "$dir" $machine || return 3
    done
    "$BIN/tolerance" compare tests/peer/tolerance.tsv "$here/$1.tsv" "$dir"/{ref,cpu,gpu}.*.bag
    local code=$?
    rm -rf "$dir"
    echo "$1: $(awk -F'\t' 'NR > 1 { n[$9]++ } END { for (v in n) printf "%d %s  ", n[v], v }' "$here/$1.tsv")"
    return $code
}
export -f cell take
export BIN P RECIPE here gpu
printf '%s\n' $CELLS | xargs -P "$(nproc)" -I{} bash -c 'cell {} || exit 1' || status=1
set -- "$here"/*.tsv
[ -e "$1" ] || exit 3
{ head -1 "$1"; for t; do tail -n +2 "$t"; done; } >out/.tolerance.tsv.tmp && mv out/.tolerance.tsv.tmp out/tolerance.tsv
awk -F'\t' '$9 == "exceeded"' out/tolerance.tsv
echo "out/tolerance.tsv: $(($(wc -l <out/tolerance.tsv) - 1)) rows"
exit $status
