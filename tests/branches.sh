#!/bin/bash
# branches.sh - of each source file, how many of its branches were taken by what ran in out/bin-cov
# since its counts were last removed: a line a file, and one for all. Counts are gcov's: every outcome
# of every condition, operand of && and ||, and case, of all files compiled, also those nothing ran.
# Left out are the two branches of an assert: that one is never taken is what it says. (C has no
# branches of exceptions; those of functions that may not return gcov does not count as branches.)
#   usage, from the root of the sources: tests/branches.sh [--missed] FILE.c...
#   --missed   instead, each line of source with a branch that was not taken: FILE:LINE: missed/of: text
# It runs nothing and judges nothing.
missed=0
[ "$1" != --missed ] || { missed=1; shift; }
for file in "$@"; do
    gcov -b -c -t "out/obj/cov/${file%.c}.o.gcno" 2>/dev/null | awk -v want="$file" -v missed=$missed '
        function line_ends() {
            if (missed && lost) printf "%s:%d: %d/%d: %s\n", want, line, lost, of, text
            lost = of = 0
        }
        match($0, /^ *[0-9#=*-]+\*?: *[0-9]+:/) {
            line_ends()
            split($0, part, ":")
            line = part[2] + 0
            text = substr($0, RLENGTH + 1)
            if (part[3] == "Source" && line == 0) mine = part[4] == want
            asserts = text ~ /(^|[^a-z_])assert\(/
        }
        /^branch / && mine && !asserts {
            n++
            of++
            if ($3 == "taken" && $4 > 0) taken++
            else lost++
        }
        END { line_ends(); if (!missed) printf "%s %d %d\n", want, taken, n }'
done | if [ $missed = 1 ]; then cat; else awk '
    { printf "%-28s %5d of %5d  %5.1f %%\n", $1, $2, $3, $3 ? 100 * $2 / $3 : 100; t += $2; n += $3 }
    END { printf "%-28s %5d of %5d  %5.1f %%\n", "all", t, n, n ? 100 * t / n : 100 }'; fi
