#!/bin/bash
# make.sh - the Makefile alone, with stand-ins for every tool: what is run after which edit, absent
# sources, failures, -j8, two makes at once, kill -9. The stand-ins write the checksum of what they
# read, so that equal bytes mean that the same was made of the same. No tool of ours is tested here.
. tests/tap.sh
BIN_=out/bin
tools='fetch pack split weights train eval gather table montage weave colophon host experiment phantom phantom_weights sources'
tree=$here/tree
log=$here/log
unset MAKEFLAGS MFLAGS MAKELEVEL MAKE_RESTARTS MODE PROFILE MIRROR STRICT

lay_out() {
    mkdir -p "$tree/$BIN_" "$here/path" "$tree/fetch/sources" "$tree/convert/demo"
    cp Makefile paper.md "$tree"
    cp -r report train core model "$tree"
    find "$tree" -name '*.[ch]' -delete
    mkdir -p "$tree/model/gpu"
    sed -n 's/^{{code \([^ ]*\) .*/\1/p' paper.md | while read -r f; do cp "$f" "$tree/$f"; done
    for d in cvc kvasir sun; do
        echo "size 224" >"$tree/convert/$d.conf"
        echo "size 96" >"$tree/convert/demo/$d.conf"
    done
    echo "size 224" >"$tree/convert/etis.conf"
    for s in cvc kvasir pranet-test histo-vits $SUN random-resnet50 random-vits \
        imagenet-resnet50 imagenet-vits radimagenet-resnet50 radimagenet-vits; do
        echo "name $s" >"$tree/fetch/sources/$s.src"
    done
    for t in $tools; do cp "$here/stub" "$tree/$BIN_/$t"; done
    for t in gnuplot pandoc; do ln -s "$here/stub" "$here/path/$t"; done
    PATH=$here/path:$PATH
}

# One stand-in for all. ABSENT and BAD name sources; NAP is how long it takes; each run adds a line to
# the log. It writes aside and renames, as the tools do.
write_stub() {
    cat >"$here/stub" <<'STUB'
#!/bin/bash
name=$(basename "$0")
echo "$name ${*: -1}" >>"$LOG"
sleep "${NAP:-0}"
out=${*: -1}
put() { mkdir -p "$(dirname "$1")"; cat >"$1.$$.tmp" && mv "$1.$$.tmp" "$1"; }
sums() { for a in "$@"; do [ -f "$a" ] && [ "$a" != "$out" ] && sha256sum <"$a"; done; echo "${ARGS:-$*}" | sed "s,$PWD,,g"; }
case $name in
fetch)
    source=$(basename "${*: -2:1}" .src) absent=
    while [ $# -gt 2 ]; do [ "$1" = --absent ] && absent=$2; shift; done
    case " $BAD " in *" $source "*) echo "fetch: $source: sha256 differs" >&2; exit 1 ;; esac
    case " $ABSENT_ " in *" $source "*)
        [ -n "$absent" ] || exit 3
        echo "$source: by request" | cmp -s - "$absent" || echo "$source: by request" | put "$absent"
        exit 0 ;;
    esac
    rm -f "$out.absent"
    ARGS=fetch sums "$1" | put "$out" ;;
phantom | phantom_weights) mkdir -p "$out"; echo "name $1" | put "$out/$1.src" ;;
train) sums "$@" | put "$out/model.bag"; sums "$@" | put "$out/run.tsv" ;;
eval)
    [ "$1" = --baseline ] || echo masks | put "$(dirname "$out")/masks.bag"
    sums "$@" | put "$out" ;;
experiment)
    out=${*: -1}
    { echo "# [${*:1:$#-1}]"; for c in "${@:1:$#-1}"; do echo "$c"; done; } | put "$out" ;;
host) echo host | put "$out" ;;
colophon) shift; echo "commit $1" | put "$out" ;;
pandoc) while [ "$1" != --output ]; do shift; done; out=$2; ARGS=pandoc sums "$3" | put "$out" ;;
table) [ "$1" != --strict ] || { ! grep -q = "$(dirname "$2")/experiment.tsv"; exit; }; sums "$@" | put "$out" ;;
*) sums "$@" | put "$out" ;;
esac
STUB
    chmod +x "$here/stub"
}

# run [NAME=VALUE]... ARGUMENTS: make in the tree, with an empty log.
run() {
    : >"$log"
    (cd "$tree" && env LOG="$log" "$@") >"$here/.made" 2>&1
}
mk() { run ${ENVIRONMENT:-} make "$@"; }
ran() { cut -d' ' -f1 "$log" | sort | uniq -c | sed 's/^ *//' | sed 's/^\([0-9]*\) \(.*\)/\2:\1/' | paste -sd ' '; }
bytes() { (cd "$tree" && find out/paper -type f | sort | xargs sha256sum | sha256sum); }

# after 'sentence' FILE 'tools that run': touch FILE, make all.
after() {
    sleep 0.01
    touch "$tree/$2"
    mk all
    local got
    got=$(ran)
    verdict $([ "$got" = "$3" ]; echo $?) "$1"
    [ "$got" = "$3" ] || echo "# after $2: found '$got', wanted '$3'"
}

SUN=$(make -pn help 2>/dev/null | sed -n 's/^SOURCES_sun = //p')
nsun=$(echo $SUN | wc -w)
raws=$((nsun + 6))
write_stub
lay_out

mk -n all
ok 'make -n all makes nothing' test ! -s "$log"
ok 'make -n all names every step of the method' bash -c "for t in fetch pack split weights train eval gather \
    table gnuplot montage weave pandoc; do grep -qE \"(^| |/)\$t \" '$here/.made' || { echo \$t; exit 1; }; done"
ok 'make -n all holds no program text' bash -c "! grep -E 'awk|if \[|for .* do' '$here/.made'"

# devices SETS WISH COUNT: so many runs on sets of that name ask for such a place on a GPU.
devices() { test "$(grep -cE "train --device $2 .*-$1/random/s0\$" "$here/.made")" = "$3"; }
mk -n all
ok 'two runs on a small set may share a GPU' devices '(cvc|kvasir)' auto:x2 12
ok 'one on a large set has it alone' devices sun auto:x1 6
mk -n all DEVICE=gpu DEVICES='0 2'
ok 'GPUs that are named are the ones to be taken' devices '(cvc|kvasir)' gpu:0,2x2 12
mk -n all DEVICE=cpu DEVICES='0 2'
ok 'a run on the processor asks for none' devices '.*' cpu 18

mk all
status=$?
ok 'make all ends with exit 0' test $status = 0
[ $status = 0 ] || explain "$here/.made"
want="colophon:1 eval:27 experiment:1 fetch:$raws gather:2 gnuplot:2 host:1 montage:1 pack:3 pandoc:3 split:3 table:3 train:18 weave:1 weights:6"
got=$(ran)
ok 'the whole experiment is each step once' test "$got" = "$want"
[ "$got" = "$want" ] || echo "# found '$got', wanted '$want'"
first=$(bytes)
mk all
ok 'a second make does nothing' test ! -s "$log"

after 'an edited paper is woven again' paper.md 'pandoc:2 weave:1'
after 'an edited style is set again' report/paper.css 'pandoc:2'
after 'a changed figure script draws that figure' report/bars.gp 'gnuplot:1 pandoc:2 weave:1'
after 'a changed published number gathers again' report/published.tsv \
    'gather:1 gnuplot:1 pandoc:2 table:3 weave:1'
after 'a new train program trains nothing again' $BIN_/train ''
after 'a new fetch, pack or weights program does nothing again' $BIN_/pack ''
after 'a new eval program scores again' $BIN_/eval \
    'eval:27 gather:2 gnuplot:2 montage:1 pandoc:2 table:3 weave:1'
after 'a changed recipe trains every cell again' train/paper.conf \
    'colophon:1 eval:18 gather:2 gnuplot:2 host:1 montage:1 pandoc:3 table:3 train:18 weave:1'
after 'a preset that is not used trains nothing again' train/smp.conf ''
after 'a changed data set runs its own six cells again' convert/cvc.conf \
    'colophon:1 eval:9 gather:2 gnuplot:2 host:1 montage:1 pack:1 pandoc:3 split:1 table:3 train:6 weave:1'
after 'a changed source is fetched and its cells run again' fetch/sources/imagenet-vits.src \
    'colophon:1 eval:3 fetch:1 gather:2 gnuplot:2 host:1 montage:1 pandoc:3 table:3 train:3 weave:1 weights:1'

mk all FIGURES_WITH_SUN=1
ok 'FIGURES_WITH_SUN=1 draws the grid of pictures again' test "$(ran)" = 'montage:1 pandoc:2 weave:1'
mk all
ok 'and so does leaving it out, so that none stays by mistake' test "$(ran)" = 'montage:1 pandoc:2 weave:1'
mk cross EXTERNAL='etis cvc' DATASETS='cvc kvasir'
ok 'sets that come in one download are fetched once, packed and scored by every model of another set' \
    test "$(ran | tr ' ' '\n' | grep -E '^(fetch|pack|split|eval|train):' | paste -sd ' ')" = 'eval:18 fetch:1 pack:1 split:2'

mk table1 DATASETS=kvasir ENCODERS=vits 'PRETRAIN=random imagenet'
ok 'a narrower experiment trains nothing again' bash -c "! grep -qE '^(train|fetch) ' '$log'"
mk all
ok 'back to the whole experiment, nothing is trained' bash -c "! grep -qE '^(train|eval|fetch) ' '$log'"
mk cell CELLS=vits-random-cvc H=lr=0.01
ok 'a variant is one more run in a folder of its own' test -e "$tree/out/paper/runs/lr=0.01/vits-random-cvc/random/s0/run.tsv"
ok 'and nothing else' test "$(ran)" = 'eval:1 train:1'

cp "$tree/train/paper.conf" "$tree/train/mine.conf"
mk cell CELLS=vits-random-cvc RECIPE=train/mine.conf
ok 'another recipe trains again' test "$(ran)" = 'eval:1 train:1'
mk cell CELLS=vits-random-cvc
ok 'and so does the way back' test "$(ran)" = 'eval:1 train:1'

rm -rf "$tree/out/paper"
mk -j8 all
ok 'make -j8 makes the same bytes' test "$(bytes)" = "$first"
rm -rf "$tree/out/paper"
ENVIRONMENT=NAP=0.02 mk -j8 all &
(cd "$tree" && LOG=/dev/null NAP=0.02 make -j8 all >/dev/null 2>&1)
wait
mk all
ok 'two makes at once leave the same bytes' test "$(bytes)" = "$first"

rm -rf "$tree/out/paper"
for moment in 0.2 0.5 0.9; do
    (cd "$tree" && LOG=/dev/null NAP=0.02 exec setsid make -j4 all >/dev/null 2>&1) &
    victim=$!
    sleep $moment
    kill -9 -- -$victim 2>/dev/null
    wait $victim 2>/dev/null
done
mk all
find "$tree/out/paper" -name '*.tmp' -delete
ok 'killed three times and made again, the same bytes' test "$(bytes)" = "$first"

rm -rf "$tree/out/paper"
ENVIRONMENT="ABSENT_=$(echo $SUN | cut -d' ' -f1)" mk all
status=$?
ok 'an absent source does not stop the rest: exit 0 and a paper' test $status = 0 -a -e "$tree/out/paper/paper.pdf"
ok 'the cells of an absent source are not run' test "$(grep -c '^train ' "$log")" = 12
ok 'the experiment says which cells those are' test "$(grep -c '^[^#].*-sun=' "$tree/out/paper/experiment.tsv")" = 6
ENVIRONMENT="ABSENT_=$(echo $SUN | cut -d' ' -f1)" mk all
ok 'an absent source is asked for again, and nothing else is done' test "$(ran)" = fetch:1
ENVIRONMENT="ABSENT_=$(echo $SUN | cut -d' ' -f1)" mk all STRICT=1
status=$?
ok 'STRICT=1 fails where a cell was not run' test $status != 0
mk all
ok 'a source that has come is fetched and its cells run' bash -c "grep -q '^fetch ' '$log' && [ \$(grep -c '^train ' '$log') = 6 ]"
ok 'which ends in the same bytes' test "$(bytes)" = "$first"
ENVIRONMENT="ABSENT_=$(echo $SUN | cut -d' ' -f1)" mk table1 >/dev/null
rm -f "$tree"/out/paper/raw/*.absent
mk all
status=$?
ok 'a note of absence removed by hand is no harm' test $status = 0 -a "$(bytes)" = "$first"

for wrong in H=lr=0.1 SPLIT=official DATASETS=kvasr ENCODERS=resnet18 PRETRAIN=imagnet CELLS=vits-random PROFILE=dmo PROFLE=demo MIRROR=nowhere; do
    mk table1 $wrong
    status=$?
    ok "$wrong is refused before anything is done" \
        bash -c "[ $status = 2 ] && [ ! -s '$log' ] && grep -qE 'there is no|wanted|no variable|no folder' '$here/.made'"
done
mk cross DATASETS=kvasir
status=$?
ok 'so is cross without a set to score on' bash -c "[ $status = 2 ] && [ ! -s '$log' ] && grep -q 'EXTERNAL is empty' '$here/.made'"
mk cell CELLS=vits-random-kvasir SPLIT=official
mkdir -p "$tree/convert/names"
echo a >"$tree/convert/names/kvasir.official.val.txt"
mk cell CELLS=vits-random-kvasir SPLIT=official
ok "a split's edited list splits and trains again" test "$(ran)" = 'eval:1 split:1 train:1'
rm -rf "$tree"/out/paper/runs/main/vits-random-kvasir/official "$tree"/out/paper/splits/kvasir.official.s0.tsv \
    "$tree"/convert/names/kvasir.official.val.txt

rm -rf "$tree/out/paper"
run env "ABSENT_=cvc kvasir $SUN" make all
status=$?
ok 'without any data there is still a table: exit 0' test $status = 0 -a ! -e "$tree/out/paper/data"
[ $status = 0 ] || explain "$here/.made"
rm -rf "$tree/out/paper"
ENVIRONMENT=BAD=cvc mk all
status=$?
ok 'a wrong checksum is a failure, never an absence' test $status != 0 -a ! -e "$tree/out/paper/table1.md"
rm -rf "$tree/out/paper"
ENVIRONMENT=ABSENT_=kvasir mk out/paper/raw/kvasir
status=$?
ok 'an absent source asked for by name is an error' test $status != 0

mk out/paper/raw/histo-vits
ok 'a source that no cell wants is fetched by its name' test "$(ran)" = fetch:1
mk sources
ok 'make sources lists them and fetches nothing' test "$(ran)" = sources:1
mk demo
status=$?
ok 'the demo is the same chain' test $status = 0 -a "$(grep -c '^train ' "$log")" = 12 -a -e "$tree/out/demo/paper.pdf"
[ $status = 0 ] || explain "$here/.made"
mk demo
ok 'a second demo does nothing' test ! -s "$log"
finish
