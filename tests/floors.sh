#!/bin/bash
# floors.sh - the law of the house: who may include whom, and which outside library has which door.
# A grep over #include lines; it reads nothing else.
. tests/tap.sh

# refuse 'sentence' PATTERN FOLDER-OR-FILE... [-- EXCEPTION...]: no #include line matches PATTERN.
refuse() {
    local sentence=$1 pattern=$2 places=() except=()
    shift 2
    while [ $# != 0 ] && [ "$1" != -- ]; do places+=("$1"); shift; done
    [ $# = 0 ] || shift
    for e in "$@"; do except+=(-e "^$e:"); done
    grep -rnE --include='*.[ch]' --include='*.cu' --include='*.cuh' \
        "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($pattern)" "${places[@]}" 2>/dev/null |
        grep -v "${except[@]:--e^$}" >"$here/found"
    verdict $(($(wc -l <"$here/found") != 0)) "$sentence"
    explain "$here/found"
}

programs='fetch|convert|train|eval|report'
rooms="core fetch convert model train eval report"

refuse 'core includes nobody' "(model|$programs|tests)/" core
refuse 'model includes core alone' "($programs|tests)/" model
for room in fetch convert train eval report; do
    others=$(echo "$programs" | tr '|' '\n' | grep -vx $room | paste -sd '|')
    refuse "$room includes no other program" "($others|tests)/" $room
done
refuse 'fetch, convert and report do not know the model' 'model/' fetch convert report
for machine in ref cpu gpu; do
    others=$(echo 'ref cpu gpu' | tr ' ' '\n' | grep -vx $machine | paste -sd '|')
    refuse "model/$machine includes no other machine" "model/($others)/|\\.\\./($others)/" model/$machine
done
refuse 'no program includes a machine' 'model/(ref|cpu|gpu)/' fetch convert train eval report

refuse 'libcurl stays in fetch' 'curl/' $rooms -- 'fetch/[^:]*'
refuse 'liblzma stays in convert/unxz.c' 'lzma' $rooms -- 'convert/unxz\.c:[0-9]*'
refuse 'libarchive and libhdf5 stay in convert' 'archive|hdf5' core fetch model train eval report
refuse 'OpenBLAS stays in model/cpu' 'cblas|openblas|lapack' $rooms -- 'model/cpu/[^:]*'
refuse 'CUDA stays in model/gpu' 'cuda|cublas|cudnn|nccl' $rooms -- 'model/gpu/[^:]*'
refuse 'codecs stay in core/image*.c' 'jpeglib|turbojpeg|png\.h|tiff' $rooms -- 'core/image[^:]*\.c:[0-9]*'
refuse 'json stays in core' 'jansson' fetch convert model train eval report

# What is not an #include: calls that betray a library, and forms that are not ours.
absent() { # sentence pattern place...
    local sentence=$1 pattern=$2
    shift 2
    grep -rnE --include='*.[ch]' --include='*.cu' -- "$pattern" "$@" >"$here/found"
    verdict $(($(wc -l <"$here/found") != 0)) "$sentence"
    explain "$here/found"
}
absent 'nothing is left to do' '(TODO|FIXME)' $rooms tests
absent 'structs have no typedef' '^typedef struct' $rooms
absent 'no tool calls another' '\b(system|popen|execvp|execlp|posix_spawn)\(' $rooms
absent 'time does not choose' '\b(srand|rand|drand48|time)\((0|NULL|)\)' core model convert report eval

long=$(find $rooms tests \( -name '*.[ch]' -o -name '*.cu' -o -name '*.cc' \) -size +0 -exec wc -l {} + | grep -v ' total$' |
    sed -n 's/^ *\([0-9]*\) \(.*\)/\1 \2/p' | while read -r n file; do [ "$n" -le 400 ] || echo "$file: $n lines"; done)
ok 'no file is longer than 400 lines' test -z "$long"
[ -z "$long" ] || echo "$long" | explain
finish
