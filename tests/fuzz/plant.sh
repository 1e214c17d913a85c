#!/bin/bash
# plant.sh - would each fuzz target find a bug? In a copy of the sources one line of its parser is made
# wrong, as plants.tsv says; the target must find that within PLANT_SECONDS (120). The seed of chance is
# 1 each time, though addresses and clocks have their say in what libFuzzer tries. Tells whether a seed
# finds it already. PLANTS="zip npz" are those alone.
. tests/tap.sh
copy=$here/copy seconds=${PLANT_SECONDS:-120}
unset MAKEFLAGS MAKELEVEL
mkdir -p "$copy/out/obj"
cp -a Makefile paper.md core fetch convert model train eval report tests "$copy"
cp -a out/obj/fuzz "$copy/out/obj"
tests/fuzz/seeds.sh "$here/seeds"

# Replaces the only line of the file that is this one but for its margin.
plant() { # file line planted
    LINE=$2 PLANTED=$3 awk '
        { text = $0; sub(/^ */, "", text) }
        text == ENVIRON["LINE"] { sub(/[^ ].*/, ""); $0 = $0 ENVIRON["PLANTED"]; changed++ }
        { print }
        END { exit changed != 1 }' "$1" >"$copy/$1"
}

finds() { # target file line planted
    local target=$copy/out/bin-fuzz/fuzz_$1 run status by='no seed'
    run=("$target" -seed=1 -rss_limit_mb=2048 -timeout=20 -max_len=65536 -artifact_prefix="$here/" -print_final_stats=1)
    [ ! -e "tests/fuzz/$1.dict" ] || run+=(-dict="tests/fuzz/$1.dict")
    plant "$2" "$3" "$4" || { echo "not exactly one line '$3' in $2"; return 1; }
    make -s -C "$copy" "out/bin-fuzz/fuzz_$1" >/dev/null || return 1
    "${run[@]}" -runs=0 "$here/seeds/$1" >/dev/null 2>&1 || by='a seed'
    mkdir -p "$here/found/$1"
    "${run[@]}" -max_total_time="$seconds" "$here/found/$1" "$here/seeds/$1" >"$here/ran" 2>&1
    status=$?
    cp "$2" "$copy/$2"
    grep -E 'SUMMARY|runtime error' "$here/ran" | cut -c1-120 | head -1
    echo "found by $by, after $(sed -n 's/^stat::number_of_executed_units: //p' "$here/ran") inputs"
    [ $status != 0 ]
}

while IFS=$'\t' read -r name file line planted; do
    case " ${PLANTS:-$name} " in *" $name "*) ;; *) continue ;; esac
    started=$SECONDS
    ok "fuzz_$name finds within $seconds s what is planted in $file" finds "$name" "$file" "$line" "$planted"
    sed "s/^/# /; \$s/\$/, $((SECONDS - started)) s with compiling/" "$here/.said"
done < <(tail -n +2 tests/fuzz/plants.tsv)
for target in tests/fuzz/fuzz_*.c; do
    name=$(basename "$target" .c)
    ok "$name has a plant" grep -q "^${name#fuzz_}"$'\t' tests/fuzz/plants.tsv
done
finish
