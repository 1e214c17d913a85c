#!/bin/bash
# bundle.sh - the bundle on a machine that has nothing of ours: moved elsewhere, in an empty environment, it
# unpacks, says what is there, runs its tests, and where there is no GPU says so.
. tests/tap.sh
cp -r "$root/out/bundle" "$here/carried"
cd "$here" || exit 1
run() { env -i PATH=/usr/bin:/bin HOME="$here" "$here/carried/run" "$@"; }
tree=carried/tree

ok 'it is smaller than 40 MB' test "$(du -sb carried | cut -f1)" -lt 40000000
ok 'it says what it is for' grep -q 'glibc [0-9.]* or newer' carried/README
ok 'and how it is used' run --help
ok 'tests run as they are' run test core_rng_test model_golden_test
run test core_rng_test >counted
ok 'and are counted' grep -q '[1-9] passed, 0 failed, 0 skipped' counted
ok 'it was unpacked beside itself' test -d $tree/out/bin
inside() { # every library is in the bundle, of the C library, or CUDA's
    for p in $tree/out/bin/*; do
        LD_TRACE_LOADED_OBJECTS=1 LD_LIBRARY_PATH=$tree/out/lib $p
    done | awk '$2 == "=>" && $3 !~ "^carried/" && $1 !~ /^lib(c|m|dl|rt|pthread|cuda|cudart|cudnn.*|cublas.*)[.]so/ { print; bad = 1 } END { exit bad }'
}
ok 'with every library that its programs need' inside
ok 'without symbols' bash -c "! readelf -SW $tree/out/bin/train | grep -q '[.]symtab'"
ok 'the doctor compares the C library' bash -c "env -i PATH=/usr/bin:/bin '$here/carried/run' doctor | grep -q 'glibc .*, wanted .* or newer'"
ok 'a tool runs where one stands' run graph --flop vits-random-cvc $tree/train/paper.conf
dies 2 'no tool' 'what is no tool is refused' run nothing
dies 3 'no GPU was tested' 'without a GPU its tests say so' env -i PATH=/usr/bin:/bin CUDA_VISIBLE_DEVICES= carried/run test-gpu
dies 3 'device gpu' 'so does the benchmark' env -i PATH=/usr/bin:/bin CUDA_VISIBLE_DEVICES= carried/run bench-gpu
if [ -s $tree/cuda ]; then
    mv $tree/cuda all && sed 's/$/.gone/' all >$tree/cuda
    dies 3 'set CUDNN_DIR' 'without CUDA they say where it is wanted' run test-gpu
    mv all $tree/cuda
fi
head -c 1000000 carried/repolyp.tar.xz >cut && mv cut carried/repolyp.tar.xz
dies 3 'is it whole' 'a part of it is not used' run test core_rng_test
ok 'and leaves nothing' test ! -e "$(echo carried/tree.*)"
finish
