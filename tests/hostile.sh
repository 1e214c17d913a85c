#!/bin/bash
# hostile.sh - hostile inputs, each made and given to its tool. HOSTILE="0 7" are seeds; with
# SANITIZED=out/bin-asan the tools compiled with the sanitizers get them too.
bin=${BIN:-out/bin}
status=0
judge() { # options of hostile
    "$bin/hostile" "$@" || status=1
}
for seed in ${HOSTILE:-0}; do
    case $bin in
    *asan*) judge --seed "$seed" --sanitized "$bin" ;;
    *) judge --seed "$seed" "$bin" ;;
    esac
    [ -z "${SANITIZED:-}" ] || judge --seed "$seed" --sanitized "$SANITIZED"
done
exit $status
