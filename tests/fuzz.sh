#!/bin/bash
# fuzz.sh - every fuzz target for FUZZ_SECONDS, from nothing: targets bring what they start from. A
# crash, a leak or a slow input is a failure; its bytes stay in out/test.
. tests/tap.sh
mkdir -p out/test
for target in out/bin-fuzz/fuzz_*; do
    [ -x "$target" ] || continue
    case $target in *.*) continue ;; esac
    name=$(basename "$target")
    corpus=$here/$name
    mkdir -p "$corpus"
    if nm "$target" 2>/dev/null | grep -q LLVMFuzzerRunDriver || grep -q libFuzzer "$target"; then
        ok "$name refuses or accepts any bytes for ${FUZZ_SECONDS:-1} s" \
            "$target" -max_total_time="${FUZZ_SECONDS:-1}" -rss_limit_mb=2048 -malloc_limit_mb=1024 \
            -timeout=20 -artifact_prefix=out/test/ -seed=1 -print_final_stats=1 "$corpus"
    else
        ok "$name refuses or accepts bytes for ${FUZZ_SECONDS:-1} s, without libFuzzer" \
            "$target" "${FUZZ_SECONDS:-1}"
    fi
    grep -E 'number_of_executed_units|inputs,' "$here/.said" | sed 's/^/# /'
done
finish
