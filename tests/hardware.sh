#!/bin/bash
# hardware.sh - what only an NVIDIA card can show, by name: tried where there is one, by the programs of
# `make test-gpu`; skipped, and so counted, where there is none.
. tests/tap.sh
card=$(nvidia-smi -L 2>/dev/null | grep -m1 '^GPU')

on_card() { # 'sentence' PROGRAM...
    local sentence=$1 program
    shift
    [ -n "$card" ] || { skip "$sentence" 'no NVIDIA card here; make test-gpu on one'; return; }
    [ -x "$bin/gpu_ops_test" ] || { skip "$sentence" 'compiled without CUDA; make doctor'; return; }
    for program; do
        ok "$sentence: ${program#"$bin/"}" env GPU_BIN="${BIN:-out/bin}" "$program"
    done
}
on_card 'a driver takes a captured step, and gives the same bytes twice' "$bin/gpu_machine_test"
on_card "cuDNN's and cuBLASLt's plans give what plain loops give" "$bin/gpu_library_test" "$bin/gpu_library_fused_test"
on_card "kernels on the card's own copies, matrix products and order of threads" \
    "$bin"/gpu_{step,parts,ops,attention,fusion}_test
on_card "whole networks on a card come to PyTorch's numbers" "$bin/gpu_model_test"
on_card 'a card killed, interrupted, shared and lost' tests/gpu_train.sh
skip 'seconds, ratios to PyTorch, peak of memory' 'a benchmark and no test; make bench-gpu on a card'
finish
