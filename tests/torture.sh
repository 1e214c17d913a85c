#!/bin/bash
# torture.sh - every tool of fetch, convert and core with a world that fails: each of its calls for
# memory and of the disk in turn. After each: exit 3 with a message, no temporary, and under the final
# name nothing or the whole; or the failure was overcome, and the result is the same.
#
#   FAIL_AT=n   our own calls (core/die.h says which), libcurl's and jansson's allocations; each seventh
#               also in the tools with sanitizers: SANITIZED=out/bin-asan
#   LACK_AT=n   every call of any library: tests/preload/shortage.c says which, and how far it reaches
#
# Made from nothing, on small files. Who dies in the middle of work frees nothing: leaks are looked for
# where a process goes on, tests/fetch_torture_test.c and tests/convert_torture_test.c.
. tests/tap.sh
. tests/nginx.sh
plain=$root/out/bin
cd "$here" || exit 1

# ---- what is read ----
le64() { # a number below 65536 as eight bytes
    printf "\\x$(printf %02x $(($1 % 256)))\\x$(printf %02x $(($1 / 256)))\0\0\0\0\0\0"
}
bag_of() { # HEADER BYTES: a safetensors file of that many zero bytes of data
    le64 ${#1}
    printf %s "$1"
    head -c "$2" /dev/zero
}
# A model as train leaves it, of small tensors: bag --export counts them.
model() {
    local i text='{"__metadata__":{"format":"repolyp model 1","cell":"vits-imagenet-cvc","side":"224",'
    text+='"recipe":"encoder.last_norm yes\nencoder.output_stride 16\n"}'
    for i in $(seq 100 249); do
        text+=",\"encoder.$i\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[$((4 * i - 400)),$((4 * i - 396))]}"
    done
    bag_of "$text}" 600
}
# The first JPEG of a zip in which all is stored: a picture, and as well a mask.
jpeg_set() { # ZIP TAR
    local at end
    at=$(LC_ALL=C grep -aobP '\xff\xd8\xff' "$1" | head -1 | cut -d: -f1)
    end=$(LC_ALL=C grep -aobP 'PK\x03\x04' "$1" | cut -d: -f1 | awk -v at="$at" '$1 > at' | head -1)
    mkdir images masks
    tail -c +$((at + 1)) "$1" | head -c $((end - at)) | tee images/1.jpg >masks/1.jpg
    tar -cf "$2" images masks
}
lay_out() {
    "$plain/hostile" --seeds seeds # a file's twin means the same and is harmless
    cp "$(ls seeds/h5/*.twin | head -1)" keras
    honest=($(ls seeds/npz/*.twin))
    cp "${honest[0]%.twin}" stored.npz
    cp "${honest[1]%.twin}" deflated.npz
    cp "$(ls seeds/checkpoint/*.twin | head -1)" safetensors
    cp "$root/tests/golden/data/checkpoints/nested.pth" pth
    cp "$(ls seeds/archive/*.twin | sed -n 2p)" zip
    mkdir names
    printf 'name\tshape\nbn.running_var\t[2]\nconv.weight\t[2,3]\n' >names/little.tsv
    printf 'name\tshape\na\t[2,3]\nb\t[7]\n' >names/nested.tsv
    weights_source little >little.src
    weights_source nested >nested.src
    printf 'size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\norder numeric\ngroups none\n' >x.conf
    set_source 'i/*.png | m/*.png' >png.src
    set_source 'images/*.jpg | masks/*.jpg' >jpeg.src
    set_source 'Original/*.tif | Ground Truth/*.tif' >tiff.src
    "$plain/phantom" kvasir . >/dev/null
    "$plain/phantom" cvc . >/dev/null
    jpeg_set web/kvasir-seg.zip jpeg.tar
    tar -xJf web/CVC-ClinicDB.tar.xz
    tar -cf tiff.tar CVC-ClinicDB/{Original,"Ground Truth"}/{1,2}.tif
    "$plain/pack" x.conf png.src zip data.bag
    echo 1 >val.txt
    model >model.bag
}
weights_source() {
    printf 'name w\nkind weights\narm imagenet\nencoder %s\nfile w.pth\nmanual none\n' "$1"
    printf 'mean 0.1 0.2 0.3\nstd 1 1 1\norder rgb\nrange 255\n'
}
set_source() {
    printf 'name x\nkind data\nfile zip\nmanual none\nlicence L\ncite C\nformat pairs %s\n' "$1"
}

# ---- one call after another ----
# Where a library without memory ends its process itself, or the child that reads for it, nobody can
# say that it was the world: libarchive 3.6 does at a few calls, libhdf5 1.10 once it has started.
library_ended() { grep -qE '^Fatal Internal Error in libarchive|libhdf5 broke on it' .cried; }
# wrong STATUS OUT: what is wrong with a run that ended so, or nothing.
wrong() {
    case $1 in
    0 | 3) ;;
    1) library_ended || echo "exit $1" ;;
    *) echo "exit $1" ;;
    esac
    [ -s .cried ] || [ "$1" = 0 ] || echo 'no message'
    [ ! -e "$2" ] || cmp -s "$2" whole || echo "$2 is not whole"
    [ -z "$(find . -name '.*.tmp' -print -quit)" ] || echo "left $(find . -name '.*.tmp')"
}

# one_by_one NAME VARIABLE ENOUGH OUT COMMAND...: VARIABLE = 1, 2, 3 ... up to 400 (each STEP-th), then by
# leaps, until the command passes ENOUGH times in a row: libraries overcome some failures.
one_by_one() {
    local name=$1 variable=$2 enough=$3 out=$4 n=1 tried=0 ended=0 passes=0 status bad= note=
    shift 4
    while [ $passes -lt "$enough" ]; do
        rm -rf "$out"
        env "$variable=$n" timeout 60 "$@" >.told 2>.cried
        status=$?
        [ "$out" != .told ] || [ $status = 0 ] || rm -f .told
        bad=$(wrong $status "$out")
        [ -z "$bad" ] || break
        passes=$((status == 0 ? passes + 1 : 0))
        tried=$((tried + (status != 0)))
        [ $status != 1 ] || ended=$((ended + 1))
        n=$((n < 400 ? n + ${STEP:-1} : n + n / 20))
    done
    [ $ended = 0 ] || note=", $ended of which ended a library"
    verdict $([ -z "$bad" ] && [ $tried -gt 0 ]; echo $?) "$name survives $tried failures$note"
    [ -z "$bad" ] || { echo "# $variable=$n: $bad"; explain .cried; }
}

# torture NAME OUT TOOL ARGUMENT...: OUT is what the tool writes, .told what it prints.
torture() {
    local name=$1 out=$2 tool=$3
    shift 3
    rm -rf "$out"
    "$bin/$tool" "$@" >.told 2>.cried
    verdict $? "$name, undisturbed"
    cp "$out" whole
    one_by_one "$name" FAIL_AT 5 "$out" "$bin/$tool" "$@"
    [ -z "$lack" ] || {
        LACK=memory one_by_one "$name without memory" LACK_AT 40 "$out" $lack "$bin/$tool" "$@"
        LACK=disk one_by_one "$name without a disk" LACK_AT 10 "$out" $lack "$bin/$tool" "$@"
    }
    [ -z "${SANITIZED:-}" ] || [ ! -e "$root/$SANITIZED/$tool" ] ||
        STEP=7 ASAN_OPTIONS=detect_leaks=0 one_by_one "$name, sanitized" FAIL_AT 5 "$out" "$root/$SANITIZED/$tool" "$@"
}

lay_out
lack=
if ldd "$bin/pack" | grep -q asan; then
    skip 'every call of any library' 'the sanitizer wants to be loaded first'
else
    ${CC:-cc} -O1 -D_GNU_SOURCE -shared -fPIC -o shortage.so "$root/tests/preload/shortage.c" -ldl
    lack="env LD_PRELOAD=$here/shortage.so"
fi
cp zip x.zip
torture 'fetch from a mirror' out fetch --mirror . --pins pins.tsv --terms terms.tsv png.src out
torture 'fetch of what is absent' absent fetch --absent absent little.src out
torture 'sources' .told sources --mirror . --pins pins.tsv png.src little.src
torture 'pack of PNG in a zip' out pack --threads 1 x.conf png.src zip out
torture 'pack of JPEG in a tar' out pack --threads 1 x.conf jpeg.src jpeg.tar out
torture 'pack of TIFF in a tar' out pack --threads 1 x.conf tiff.src tiff.tar out
torture 'pack --content' .told pack --content png.src zip
torture 'pack --describe' .told pack --describe png.src zip
torture 'split' out split all 0 data.bag out
torture 'split by lists' out split --list val=val.txt official 0 data.bag out
torture 'weights of PyTorch' out weights --names names nested.src pth out
torture 'weights of safetensors' out weights --names names little.src safetensors out
torture 'weights of numpy, stored' out weights --names names little.src stored.npz out
torture 'weights of numpy, deflated' out weights --names names little.src deflated.npz out
torture 'h5' out h5 keras out
torture 'bag' .told bag data.bag
torture 'bag, a tensor' .told bag data.bag mask
torture 'bag --export' out bag --export timm model.bag out

# Over the net and through the cache, from nothing each time; then out of the cache.
if can_serve; then
    serve
    { printf 'PK\3\4'; head -c 200000 /dev/urandom; } >www/a.zip
    printf 'name a\nkind data\nfile a.zip\nurl https://localhost:%s/a.zip\nsha256 %s\n' $port \
        "$(sha256sum <www/a.zip | cut -d' ' -f1)" >a.src
    printf '#!/bin/bash\nrm -rf .a.part .a.tag cache\nexec "$@"\n' >anew
    chmod +x anew
    cp www/a.zip whole
    export REPOLYP_CACHE=$here/cache
    one_by_one 'a download' FAIL_AT 5 a ./anew "$bin/fetch" a.src a
    ok 'a download for the cache' ./anew "$bin/fetch" a.src a
    serve_no_more
    torture 'the cache' a fetch a.src a
    ok 'the cache: what it holds is whole' cmp "$(find cache/sha256 -type f)" www/a.zip
else
    skip 'a download' 'no nginx here; make deps'
fi
cd "$root" || exit 1
finish
