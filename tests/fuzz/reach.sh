#!/bin/bash
# reach.sh - how many of its parser's branches each fuzz target's inputs take: the seeds, and what was
# found from them (CORPUS=DIR). Below 85 of 100 is a failure.
. tests/tap.sh
reaches() { # name file...
    local name=$1 percent
    shift
    [ -d "$here/seeds/$name" ] || mkdir "$here/seeds/$name"
    find out/obj/cov -name '*.gcda' -delete
    out/bin-cov/fuzz_"$name" 0 "$here/seeds/$name" "${CORPUS:-$here/none}/$name" >"$here/.said" 2>&1 ||
        explain "$here/.said"
    tests/branches.sh "$@" >"$here/taken"
    percent=$(awk '/^all/ { print int($5) }' "$here/taken")
    verdict $([ "$percent" -ge 85 ]; echo $?) "fuzz_$name reaches its parser: $percent of 100 branches"
    sed 's/^/# /' "$here/taken"
}
tests/fuzz/seeds.sh "$here/seeds"
reaches archive convert/archive.c convert/member_name.c convert/unxz.c
reaches bag core/bag.c
reaches checkpoint convert/checkpoint.c convert/pth.c
reaches h5 convert/h5.c
reaches image core/image.c core/image_jpeg.c core/image_png.c core/image_tiff.c
reaches npz convert/npz.c convert/npy.c
reaches pickle convert/pickle.c convert/pickle_value.c
reaches source core/source.c
reaches story convert/zip_story.c
reaches table core/table.c core/pairs.c core/text.c
reaches weave report/weave.c report/place.c report/fragment.c report/prose.c
reaches zip convert/zip.c
finish
