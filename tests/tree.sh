# tree.sh - copies of the sources with the tools already made, for scripts that run the chain apart from
# out/; sourced after tap.sh. A copy's make must find nothing to compile.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKE_RESTARTS MODE PROFILE MIRROR STRICT DATASETS ENCODERS PRETRAIN SEEDS

# new_tree DIR: sources by name, times kept, so that what stands in out/ stays up to date.
new_tree() {
    mkdir -p "$1/out"
    local item
    for item in core fetch convert model train eval report tests paper.md Makefile .git; do
        [ ! -e "$root/$item" ] || ln -s "$root/$item" "$1/$item"
    done
    cp -a "$root/out/bin" "$root/out/obj" "$1/out"
}

# same_results A B: two profile folders hold the same files with the same bytes, but for what may
# differ: host values, and the downloads.
same_results() {
    local a=$here/.a b=$here/.b
    list() { (cd "$1" && find . -type f ! -name 'host.*' ! -path './raw/*' ! -path './sources/*' \
        ! -name '*.absent' | sort | xargs -d '\n' sha256sum); }
    list "$1" >"$a"
    list "$2" >"$b"
    diff "$a" "$b"
}
