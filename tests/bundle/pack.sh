#!/bin/bash
# pack.sh - the bundle: programs without symbols, the libraries they need but CUDA's and glibc, tests and what
# they read, in one folder that travels. Made aside, then renamed; run (beside this) is how it is used.
#   usage, from the root of the sources: tests/bundle/pack.sh DIR "HOST-TEST..." PROGRAM...
set -eu
out=$1 host=$2
shift 2
limit=40000000
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT
tree=$aside/tree
mkdir -p "$tree/out/bin" "$tree/out/lib" "$aside/bundle"

theirs='^(ld-linux.*|linux-vdso|lib(c|m|dl|rt|pthread|resolv|util|cuda|cudart|cudnn|cublas|cublasLt))\.so'
needed() { readelf -d "$@" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u; }

for p in "$@"; do strip -o "$tree/out/bin/${p##*/}" "$p"; done
# The loader says where each is; CUDA's own needs are CUDA's.
for p in "$@"; do ldd "$p"; done | awk '$2 == "=>" && $3 ~ "^/" { print $1, $3 }' | sort -u >"$aside/found"
all() { # the closure, by name
    local todo=$(needed "$tree"/out/bin/*) name path seen=' '
    while [ -n "$todo" ]; do
        local next=
        for name in $todo; do
            [[ $seen = *" $name "* ]] && continue
            seen="$seen$name "
            grep -qE "$theirs" <<<"$name" && continue
            path=$(awk -v n="$name" '$1 == n { print $2; exit }' "$aside/found")
            [ -n "$path" ] || { echo "bundle: $name: not found by the loader" >&2; return 1; }
            echo "$name $path"
            next="$next $(needed "$path")"
        done
        todo=$next
    done
}
all >"$aside/libraries"
while read -r name path; do cp -L "$path" "$tree/out/lib/$name"; done <"$aside/libraries"

needed "$tree"/out/bin/* | grep -E '^lib(cudart|cudnn|cublasLt)' >"$tree/cuda" || :
for p in "$tree"/out/bin/*; do needed "$p" | grep -q '^libcud' && echo "${p##*/}" || :; done >"$tree/needs-cuda"
for p in "$tree"/out/bin/*; do readelf -d "$p"; done |
    sed -n 's/.*R\(UN\)\{0,1\}PATH.*\[\(.*\)\]/\2/p' | tr : '\n' | sort -u >"$tree/rpath"
printf '%s\n' $host >"$tree/host-tests"
objdump -T "$tree"/out/bin/* "$tree"/out/lib/* 2>/dev/null | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 |
    cut -d_ -f2 >"$tree/glibc"
for f in train/*.conf convert/demo/*.conf convert/*.conf fetch/sources/*.src tests/golden/data tests/golden/README.md \
    tests/devices tests/peer/*.py tests/run.sh tests/tap.sh tests/gpu.sh tests/gpu_train.sh tests/doctor.sh; do
    [ -e "$f" ] || continue
    mkdir -p "$tree/$(dirname "$f")"
    cp -r "$f" "$tree/$(dirname "$f")/"
done

# Programs share most of their bytes: the window must hold two of them.
tar -C "$tree" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -cf - . |
    xz -T1 --lzma2=preset=1,dict=128MiB >"$aside/bundle/repolyp.tar.xz"
cp tests/bundle/run "$aside/bundle/run"
{
    echo "repolyp, ready to run: $(basename "$out")/run --help"
    echo
    echo "Wanted: Linux on x86-64 with glibc $(cat "$tree/glibc") or newer, bash, xz, awk, and 1 GB of disk;"
    echo "for a GPU (Turing to Blackwell) NVIDIA's driver for CUDA 13, CUDA 13's runtime and cuBLAS, cuDNN 9."
    echo "No compiler. Unpacked: $(du -sm "$tree" | cut -f1) MB."
} >"$aside/bundle/README"
size=$(du -sb "$aside/bundle" | cut -f1)
[ "$size" -lt $limit ] || { echo "bundle: $size bytes, wanted fewer than $limit" >&2; exit 1; }
rm -rf "$out"
mkdir -p "$(dirname "$out")"
cp -r "$aside/bundle" "$out.$$"
mv "$out.$$" "$out"
echo "$out: $size bytes, for glibc $(cat "$tree/glibc") or newer"
