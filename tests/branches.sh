#!/bin/bash
# branches.sh - of each source file, how many of its branches were taken by what ran in out/bin-cov
# since its counts were last removed: a line a file, and one for all. Counts are gcov's.
#   usage, from the root of the sources: tests/branches.sh FILE.c...
# It runs nothing and judges nothing.
for file in "$@"; do
    counts=out/obj/cov/${file%.c}.o.gcda
    [ -e "$counts" ] || counts=${counts%.gcda}.gcno
    gcov -b -n "$counts" 2>/dev/null | awk -v want="$file" '
        /^File/ { mine = index($0, "\047" want "\047") }
        mine && /^Taken at least once/ { split($0, part, /[:% ]+/); percent = part[5]; of = part[7] }
        END { printf "%s %d %d\n", want, percent * of / 100 + .5, of }'
done | awk '
    { printf "%-28s %5d of %5d  %5.1f %%\n", $1, $2, $3, $3 ? 100 * $2 / $3 : 100; t += $2; n += $3 }
    END { printf "%-28s %5d of %5d  %5.1f %%\n", "all", t, n, n ? 100 * t / n : 100 }'
