#!/bin/bash
# pack.sh - how fast packs are made, beside Pillow with two processes and beside xz: in turn, so that what
# else the machine does meets both alike. Nothing else should run all the same.
#   usage: tests/peer/pack.sh PYTHON MIRROR [ROUNDS]
# MIRROR holds kvasir-seg.zip and CVC-ClinicDB.tar.xz; PYTHON has Pillow and numpy. Least and median of
# the rounds, and pictures a second at the median (a picture and its mask are one).
set -eu
python=$1 mirror=$2 rounds=${3:-7}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
xz -dc "$mirror/CVC-ClinicDB.tar.xz" >"$here/CVC-ClinicDB.tar"

# timed NAME COMMAND...: adds the seconds it took to $here/NAME.
timed() {
    local name=$1 start end
    shift
    start=$(date +%s%N)
    "$@" >/dev/null 2>&1
    end=$(date +%s%N)
    echo $((end - start)) >>"$here/$name"
}
pack() { out/bin/pack "convert/$1.conf" "fetch/sources/$1.src" "$2" "$here/$1.bag"; }
for ((round = 0; round < rounds; round++)); do
    timed kvasir pack kvasir "$mirror/kvasir-seg.zip"
    timed pillow "$python" tests/peer/pack.py "$mirror/kvasir-seg.zip" "$here/i.npy" "$here/m.npy"
    timed tar pack cvc "$here/CVC-ClinicDB.tar"
    timed txz pack cvc "$mirror/CVC-ClinicDB.tar.xz"
    timed xz xz -dc "$mirror/CVC-ClinicDB.tar.xz"
done
tell() { # NAME PICTURES words
    local least median
    least=$(sort -n "$here/$1" | head -1)
    median=$(sort -n "$here/$1" | sed -n "$(((rounds + 1) / 2))p")
    printf '%-36s least %6d ms  median %6d ms  %5d pictures/s\n' "$3" $((least / 1000000)) \
        $((median / 1000000)) $(($2 * 1000000000 / median))
}
tell kvasir 1000 'Kvasir-SEG from its zip'
tell pillow 1000 'Pillow, two processes, the same'
tell tar 612 'CVC-ClinicDB from a plain tar'
tell txz 612 'CVC-ClinicDB from its .tar.xz'
tell xz 612 'xz -dc of that file'
