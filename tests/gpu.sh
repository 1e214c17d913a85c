#!/bin/bash
# gpu.sh - the GPU's test programs on the GPU that is here: every test runs, or it is a failure. They are the
# programs that `make test` runs on the emulated device.
#   usage, from the root of the sources: BIN=out/bin tests/gpu.sh PROGRAM...
# Exit 3 where there is no GPU. It measures nothing.
set -u
export GPU_BIN=${BIN:=out/bin}
mkdir -p out/test
found=$("$BIN/bench_gpu" --only nothing tests/peer/peer.py out/test/gpu.tsv) || {
    echo "test-gpu: no GPU was tested; make test runs the same tests on an emulated one" >&2
    exit 3
}
echo "$found"
start=$SECONDS
scripts=()
[ ! -e tests/gpu_train.sh ] || scripts=(tests/gpu_train.sh)
tests/run.sh "$@" "${scripts[@]}" | tee out/test/gpu.said
status=${PIPESTATUS[0]}
echo "$((SECONDS - start)) seconds"
grep -h '^not tried: ' out/test/*gpu_*.tap | sort -u # what the card has not
[ "$status" = 0 ] || exit 1
grep -q ' 0 skipped$' out/test/gpu.said || {
    echo "test-gpu: tests were skipped, wanted none: see above" >&2
    exit 1
}
