#!/bin/bash
# fuzz.sh - every fuzz target for FUZZ_SECONDS, from seeds that code makes: hostile inputs and their
# harmless kin, PyTorch's own files. A crash, a leak or a slow input is a failure; its bytes stay in
# out/test. CORPUS=DIR keeps what was found from run to run; FUZZERS="bag zip" are those alone.
. tests/tap.sh
mkdir -p out/test
seeds=$here/seeds
BIN=${BIN:-out/bin} tests/fuzz/seeds.sh "$seeds"
for target in out/bin-fuzz/fuzz_*; do
    name=${target##*/fuzz_}
    case $name in *.*) continue ;; esac
    case " ${FUZZERS:-$name} " in *" $name "*) ;; *) continue ;; esac
    corpus=${CORPUS:-$here/found}/$name
    mkdir -p "$corpus" "$seeds/$name"
    words=()
    [ ! -e "tests/fuzz/$name.dict" ] || words=(-dict="tests/fuzz/$name.dict")
    if grep -q libFuzzer "$target"; then
        ok "fuzz_$name refuses or accepts any bytes for ${FUZZ_SECONDS:-1} s" \
            "$target" -max_total_time="${FUZZ_SECONDS:-1}" -rss_limit_mb=2048 -malloc_limit_mb=1024 \
            -timeout=20 -max_len=65536 "${words[@]}" -artifact_prefix=out/test/ -seed=1 -print_final_stats=1 \
            "$corpus" "$seeds/$name"
    else
        ok "fuzz_$name refuses or accepts bytes for ${FUZZ_SECONDS:-1} s, without libFuzzer" \
            "$target" "${FUZZ_SECONDS:-1}" "$seeds/$name" "$corpus"
    fi
    grep -E 'number_of_executed_units|inputs,' "$here/.said" | sed 's/^/# /'
done
finish
