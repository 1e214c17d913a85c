#!/bin/bash
# mutate.sh - makes one fault at a time in the GPU's kernels (mutants.pl: a barrier taken out, an edge
# off by one, an atomic made plain, shared memory left unwritten) and wants a test to fail. What no test
# catches is too much, or a test is too weak; what makes no difference stands in alike.txt, with why.
#   usage: make mutate [MUTATE='REGEX']   (which says how to compile and link, and which tests there are)
# First it wants every kernel to run with two blocks and more, in eight orders (or in alike.txt). It changes
# no source; copies are under out/mutate. Rows: out/mutate.tsv, out/kernels.tsv.
set -u
: "${COMPILE:?run it by make mutate}" "${LINK:?}" "${LIBS:?}" "${PROGRAMS:?}"
work=out/mutate
rm -rf $work
mkdir -p $work/model/gpu

# ---- one set of programs with all faults in it, none of them chosen ----

cat >$work/fault.h <<'END'
#include <stdlib.h>
inline int emu_fault = getenv("EMU_FAULT") ? atoi(getenv("EMU_FAULT")) : 0;
static inline int emu_edge(int fault) { return emu_fault == fault; }
END
files=$(printf '%s\n' model/gpu/*.cu model/gpu/*.h | grep -vE '/(launch|ptx)\.h$')
# shellcheck disable=SC2086
perl tests/emu/mutants.pl $work $files >$work/faults || exit 1
compile() { $COMPILE -w -O1 -g0 -include $work/fault.h -iquote $work -c -o "$work/$(basename "$1" .cu).o" "$work/$1"; }
export -f compile
export COMPILE work
printf '%s\n' model/gpu/*.cu | xargs -P "$(nproc)" -I{} bash -c 'compile {}' || exit 1
for program in $PROGRAMS; do
    # shellcheck disable=SC2086
    $LINK -o "$work/$program" "out/obj/plain/tests/$program.o" $work/*.o $LIBS || exit 1
done

# Runs a program until its first failure; prints that, nothing if there is none.
failure() {
    (ulimit -t 150; exec "$work/$1" 2>&1) | awk -v name="$1" '
        /emulator: /     { sub(/.*emulator: /, ""); said = $0; exit }
        /ERROR|away|off/ { if (!said) said = $0 }
        /FAILED/         { exit }
        /PASSED/         { passed = 1 }
        END              { if (said != "" || !passed) print name ": " (said != "" ? said : "did not end") }'
}
export -f failure
# shellcheck disable=SC2086
said=$(printf '%s\n' $PROGRAMS | EMU_KERNELS=$work/kernels xargs -P "$(nproc)" -I{} bash -c 'failure {}')
[ -z "$said" ] || { echo "without a fault too: $said"; exit 1; }

# ---- every kernel with two blocks, in eight orders ----

alike() { # KIND FILE TEXT: why it makes no difference
    awk -F'\t' -v kind="$1" -v file="$2" -v text="$3" '
        $1 == kind && $2 == file && index(text, $3) { print $4; exit }' tests/emu/alike.txt
}
awk -F'\t' '{ if ($2 > blocks[$1]) blocks[$1] = $2; if ($3 > orders[$1]) orders[$1] = $3 }
    END { for (k in blocks) print k "\t" blocks[k] "\t" orders[k] + 0 }' $work/kernels | sort >out/kernels.tsv
few=0
for kernel in $(perl -0777 -ne 'print "$1\n" while /\bKERNEL(?:\s+BOUNDS\(\w+\))?\s+(\w+)\(/g' \
    model/gpu/*.cu model/gpu/*.h | sort -u); do
    grep -P "\b$kernel\b" out/kernels.tsv | awk -F'\t' '$2 > 1 && $3 > 7 { found = 1 } END { exit !found }' && continue
    [ -n "$(alike kernel "$kernel" "$kernel")" ] && continue
    echo "$kernel: not with two blocks in eight orders, see out/kernels.tsv"
    few=$((few + 1))
done

# ---- the faults ----

# mutant N KIND FILE LINE TEXT: runs the programs, those first that are named after the file; prints a row.
# What is said to make no difference is given to the first of them alone.
mutant() {
    local stem=${3##*/} said why order
    stem=${stem%.*}
    order=$(tr ' ' '\n' <<<"$PROGRAMS" | awk -v s="_${stem%%_*}_" 'index($0, s) { print "0 " $0; next } { print "1 " $0 }' | sort -s -k1,1 | cut -d' ' -f2)
    why=$(alike "$2" "$3" "$5")
    for program in $order; do
        said=$(EMU_FAULT=$1 failure "$program")
        [ -z "$said$why" ] || break
    done
    printf '%s\t%s\t%s\t%s\t%s\n' "$2" "$3" "$4" "$5" "${said:-${why:+alike: $why}}"
}
export -f alike mutant
export PROGRAMS
seconds=$SECONDS
grep -P "${MUTATE:-}" $work/faults | tr '\t' '\n' | xargs -P "$(nproc)" -d '\n' -n 5 bash -c 'mutant "$@"' mutant | tee $work/rows
sort -t$'\t' -k2,2 -k3,3n $work/rows | sed 's/\t$/\tSURVIVED/' >out/mutate.tsv
survived=$(grep -c $'\tSURVIVED$' out/mutate.tsv)
for kind in 'taken out' unwritten plain edge; do
    echo "$kind: $(grep -c "^$kind"$'\t' out/mutate.tsv), of which caught $(grep "^$kind"$'\t' out/mutate.tsv | grep -vcP '\t(SURVIVED|alike: .*)$')"
done
echo "$(wc -l <out/mutate.tsv) faults, $(grep -c $'\talike: ' out/mutate.tsv) that make no difference," \
    "$survived not caught, $few kernels run too little; $((SECONDS - seconds)) s; out/mutate.tsv"
[ "$survived" = 0 ] && [ $few = 0 ] && [ -s out/mutate.tsv ]
