#!/bin/bash
# cli.sh - what bad input gets from the tools: one message that names the thing, what was found and
# wanted, and the remedy; the exit code; and nothing half written.
. tests/tap.sh
chmod 755 "$here"
tools='bag colophon doctor eval experiment fetch gather graph h5 host montage pack predict sources split status table tolerance train weave weights'
for tool in $tools; do
    ok "$tool --help shows an example" bash -c "'$bin/$tool' --help | grep -q example"
    ok "$tool --version names itself" bash -c "[ \"\$('$bin/$tool' --version | head -1)\" = 'repolyp $tool 0.1' ]"
    dies 2 "$tool: " "$tool without arguments says what it wants" "$bin/$tool"
    dies 2 "$tool: " "$tool refuses an unknown option" "$bin/$tool" --nonsense
done

# Good input first: made-up pictures and weights, fetched, packed, split.
cd "$here" || exit 1
mkdir raw
for s in cvc; do "$bin/phantom" $s sources >.said 2>&1 || explain .said; done
for s in imagenet-vits imagenet-resnet50; do "$bin/phantom_weights" $s sources >.said 2>&1 || explain .said; done
key() { sed -n "s/^$1 //p" "$2"; }
names=$root/convert/names
ln -s "$root/convert" convert
archive=raw/cvc
ok 'a source is fetched' "$bin/fetch" sources/cvc.src raw/cvc
ok 'a data set is packed' "$bin/pack" convert/demo/cvc.conf sources/cvc.src raw/cvc cvc.bag
ok 'a pack is split' "$bin/split" random 0 cvc.bag cvc.tsv
ok 'weights are read' "$bin/weights" sources/imagenet-vits.src \
    "sources/$(key file sources/imagenet-vits.src | head -1)" vits.bag
cell() { echo vits-imagenet-cvc "${1:-$root/train/demo.conf}" "${2:-cvc.bag}" "${3:-cvc.tsv}" "${4:-vits.bag}"; }
ok 'an untrained model is written' "$bin/train" --init-only model.bag $(cell)

nothing() { ok "$1: nothing was written" test ! -e "$2"; }

# graph
floor() { "$bin/graph" --flop --batch 4 "$@" vits-imagenet-cvc "$root/train/paper.conf"; }
ok 'a floor is told with both rates of a machine' bash -c "[ \"\$('$bin/graph' --flop --peak 798 --bandwidth 3.0 \
    vits-imagenet-cvc '$root/train/paper.conf' | tail -1 | cut -f1,3,4)\" = \"\$(printf 'all\tall\tna')\" ]"
dies 2 'wanted both' 'one rate alone says nothing' floor --peak 798
dies 2 '--bandwidth' 'a rate that is no number' floor --peak 798 --bandwidth fast
dies 2 '--batch' 'a batch of none' floor --batch 0
fused() { "$bin/graph" --fusions "$@" vits-imagenet-cvc "$root/train/paper.conf"; }
fused cpu >fused.tsv
ok 'fused steps are told, which nodes they take and how many runs' bash -c "
    [ \"\$(grep -c '^node.*batchnorm_relu' fused.tsv)\" = \
      \$((2 * \$(sed -n 's/^fusion.*batchnorm_relu\t\([1-9][0-9]*\)\t.*/\1/p' fused.tsv))) ]"
ok 'all of them can be left out' bash -c "
    ! '$bin/graph' --fusions cpu --fusions-off all vits-imagenet-cvc '$root/train/paper.conf' |
        grep '^node' | grep -v none"
dies 2 'wanted cpu or gpu' 'another machine has none' fused tpu
dies 2 'does not know' 'a fused step that is none' fused cpu --fusions-off batchnorm_rel
dies 2 'does not know' 'a training without it' "$bin/train" --fusions-off batchnorm_rel $(cell) unfused

# fetch
zeros=0000000000000000000000000000000000000000000000000000000000000000
sed "s/^sha256 .*/sha256 $zeros/" sources/imagenet-vits.src >sources/wrong.src
sed "s/^content .*/content $zeros/" sources/cvc.src >sources/content.src
dies 1 sha256 'a wrong checksum is refused' "$bin/fetch" sources/wrong.src out
nothing 'a wrong checksum' out
dies 1 sha256 'a wrong checksum is not an absence' "$bin/fetch" --absent why sources/wrong.src out
nothing 'a wrong checksum' why
dies 1 content 'wrong content in a good container is refused' "$bin/pack" convert/demo/cvc.conf sources/content.src raw/cvc out
nothing 'wrong content' out
grep -v '^url' sources/cvc.src | sed '$amanual write to the authors' >sources/asked.src
sed -i 's/^file .*/file nowhere.tar/' sources/asked.src
dies 3 'write to the authors' 'a source by request says whom to ask' "$bin/fetch" sources/asked.src out
ok 'its absence can be written down' "$bin/fetch" --absent why sources/asked.src out
ok 'with the reason' grep -q 'write to the authors' why
printf 'b: no answer | 2\n  wanted: the file b.zip\n    Ask them\n    twice.\n  Or not.\n' >b.absent
"$bin/experiment" vits-random-b=why,b.absent wanted.tsv
ok 'and stands in the experiment as a statement of its own' grep -q '^vits-random-b	not-run	cvc: to be had by hand only; wanted: [^|]*; write to the authors | b: ' wanted.tsv
ok 'of whole sentences' grep -q ' | b: no answer / 2; wanted: the file b.zip. Ask them twice. Or not.$' wanted.tsv
ok "the paper's author is who is to be cited" test "$(sed -n 's/^author: //p' "$root/report/paper.yaml")" = \
    "$(sed -n 's/^  - name: "\(.*\)"/\1/p' "$root/CITATION.cff")"
dies 3 'absent.src' 'a source that is not there is named' "$bin/fetch" absent.src out
dies 3 raw 'a folder where the download should go' "$bin/fetch" sources/cvc.src raw

# What is asked of those who use a set is told once, and again when it is another.
sed 's/^licence .*/licence research only/' sources/cvc.src >bound.src
printf 'terms no trade\ncite A\ncite B\nredistribute no\n' >>bound.src
sed -i 's,^url file:,&sources/,' bound.src
told() { "$bin/fetch" --terms told.tsv bound.src out 2>&1 | grep -cE ': (licence|terms|to cite): '; }
ok 'licence, terms and works to cite are told' test "$(told)" = 4
ok 'once' test "$(told)" = 0
ok 'and written down' grep -qx 'cvc	research only	no trade	A; B' told.tsv
sed -i 's/^terms .*/terms no trade, no war/' bound.src
ok 'other terms are told anew' test "$(told)" = 4
ok 'in the place of the old ones' test "$(wc -l <told.tsv)" = 2
ok 'what asks for nothing says nothing' \
    bash -c "[ \$('$bin/fetch' --terms told.tsv sources/cvc.src out 2>&1 | grep -c licence) = 0 ]"
mkdir -p lain && cp out lain/cvc && rm out
"$bin/sources" --raw lain --mirror sources bound.src sources/*.src sources/asked.src >listed 2>&1
ok 'sources says what is here' grep -qE '^cvc +present +1\.3 MB +sha256 +research only; not to be passed on$' listed
ok 'and what lies in a mirror' grep -qE '^imagenet-vits +mirror +44\.4 MB +sha256 +MIT$' listed
"$bin/sources" sources/asked.src >listed 2>&1
ok 'and what a person must ask for' grep -qE '^cvc +manual +' listed

# convert: an archive cut short, and one with a member exchanged.
sed -E 's/^(sha256|content|bytes|unpacked|files) .*/\1 unknown/' sources/cvc.src >loose.src
head -c "$(($(stat -c %s "$archive") / 2))" "$archive" >half
dies 1 half 'a truncated archive is refused' "$bin/pack" convert/demo/cvc.conf loose.src half out
nothing 'a truncated archive' out
printf 'no archive\n' >text
dies 1 text 'a text is no archive' "$bin/pack" convert/demo/cvc.conf loose.src text out
mkdir tree
tar -xf "$archive" -C tree
mask=$(cd tree && find . -path '*Ground*' -name '*.tif' | sort | head -1)
picture=$(cd tree && find . -path '*Original*' -name '*.tif' | sort | head -1)
again() { tar -cf changed.tar -C tree "$(ls tree)"; }
cp "tree/$mask" kept.mask
cp "tree/$picture" kept.picture
rm "tree/$mask"
again
dies 1 "$(basename "$picture" .tif)" 'a missing mask is named' "$bin/pack" convert/demo/cvc.conf loose.src changed.tar out
nothing 'a missing mask' out
# A grey PNG of one pixel.
echo iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg== |
    base64 -d >"tree/$mask"
again
dies 1 1x1 'a mask of another size is refused' "$bin/pack" convert/demo/cvc.conf loose.src changed.tar out
cp kept.mask "tree/$mask"
echo 'this is no picture' >"tree/$picture"
again
dies 1 "$(basename "$picture")" 'a picture that is no picture is named' "$bin/pack" convert/demo/cvc.conf loose.src changed.tar out
nothing 'a picture that is no picture' out
dies 3 tree 'a folder is no archive' "$bin/pack" convert/demo/cvc.conf loose.src tree out
dies 1 tensors 'a checkpoint of another architecture is refused' "$bin/weights" sources/imagenet-vits.src \
    "sources/$(key file sources/imagenet-resnet50.src | head -1)" out
nothing 'a checkpoint of another architecture' out

# train
sed '$acolour blue' "$root/train/demo.conf" >unknown.conf
sed '/^betas/d' "$root/train/demo.conf" >missing.conf
cp "$root/train/plain.conf" "$root/train/demo.conf" .
dies 1 colour 'an unknown recipe key is named' "$bin/train" $(cell unknown.conf) run
dies 1 betas 'a missing recipe key is named' "$bin/train" $(cell missing.conf) run
dies 2 wisdom 'a wrong cell name shows the form' "$bin/train" wisdom $(cell | cut -d' ' -f2-) run
dies 2 vgg16 'an unknown encoder is named' "$bin/train" vgg16-random-cvc $(cell | cut -d' ' -f2-) run
dies 1 vits.bag 'weights of another encoder are refused' "$bin/train" resnet50-imagenet-cvc $(cell | cut -d' ' -f2-) run
n=$(grep -c 'train$' cvc.tsv)
dies 1 one 'a last batch of one picture is refused' "$bin/train" --set batch=$((n - 1)) $(cell) run
dies 3 cvc.bag 'a folder that is a file is refused' "$bin/train" $(cell) cvc.bag/run
dies 1 text 'a text is no pack' "$bin/train" $(cell demo.conf text) run
dies 3 absent.bag 'a pack that is not there is named' "$bin/train" $(cell demo.conf absent.bag) run
sed 's/val$/validate/' cvc.tsv >other.tsv
dies 1 validate 'a split with another word is refused' "$bin/train" $(cell demo.conf cvc.bag other.tsv) run
dies 3 gpu 'a GPU that is not there is no silent processor' env CUDA_VISIBLE_DEVICES= "$bin/train" --device gpu $(cell) run
ok 'no run record came of all this' test ! -e run/run.tsv

# eval, predict
dies 1 "$(basename "$root/train/demo.conf")" 'a recipe is no model' "$bin/eval" vits-imagenet-cvc demo.conf cvc.bag cvc.tsv out
dies 1 resnet50 'a model of another cell is refused' "$bin/eval" resnet50-imagenet-cvc model.bag cvc.bag cvc.tsv out
nothing 'a model of another cell' out
dies 1 text 'a text is no picture' "$bin/predict" model.bag text found
dies 3 tree 'a folder is no picture' "$bin/predict" model.bag tree found

# A parser that was taken over gets nowhere; in a program that is not shut in it would.
shut_in() { # tool command...
    LD_PRELOAD=$here/escape.so "$@" >.said 2>.cried
    verdict $(grep -q 'taken over' .cried && ! grep -q escaped .cried; echo $?) \
        "$(basename "$1") keeps a parser that was taken over"
    grep escaped .cried | explain
}
state=$("$bin/pack" --version | sed -n 's/^sandbox: //p')
if [ "$state" != 'Landlock and seccomp' ]; then
    skip 'a parser that was taken over' "$state"
elif ldd "$bin/pack" | grep -q asan; then
    skip 'a parser that was taken over' 'the sanitizer wants to be loaded first'
else
    ${CC:-cc} -shared -fPIC -o escape.so "$root/tests/preload/escape.c" -ldl
    echo 'unsigned long crc32(); int main(void) { return crc32(0, "x", 1) == 0; }' >open.c
    ${CC:-cc} -o open open.c -lz 2>.said
    LD_PRELOAD=$here/escape.so ./open >.cried 2>&1
    ok 'a parser that was taken over gets out where nothing keeps it' test "$(grep -c escaped .cried)" = 5
    cp "$root/convert/demo/cvc.conf" cvc.conf
    shut_in "$bin/pack" cvc.conf sources/cvc.src raw/cvc again.bag
    shut_in "$bin/weights" sources/imagenet-resnet50.src "sources/$(key file sources/imagenet-resnet50.src | head -1)" again.bag
    cp kept.picture picture.tif
    "$bin/predict" --device cpu model.bag picture.tif found
    shut_in "$bin/predict" --device cpu model.bag found/picture.mask.png found
fi

# The world: a full disk, no permission.
full() { # a file may have 64 KB; more is an error, as on a full disk
    (trap '' XFSZ; ulimit -f 64; "$@")
}
dies 3 'too large' 'a full disk stops fetch' full "$bin/fetch" sources/cvc.src out
nothing 'a full disk' out
dies 3 'too large' 'a full disk stops pack' full "$bin/pack" convert/demo/cvc.conf sources/cvc.src raw/cvc out
nothing 'a full disk' out
mkdir locked
chmod 555 locked
if [ "$(id -u)" = 0 ]; then
    cp "$bin/split" .
    as='setpriv --reuid=65534 --regid=65534 --clear-groups --'
    tool=./split
else
    as= tool=$bin/split
fi
chmod 644 cvc.bag
if $as true 2>/dev/null; then
    dies 3 locked 'no permission to write' $as $tool random 0 cvc.bag locked/out
else
    skip 'no permission to write' 'setpriv is not allowed here'
fi

# tolerance: runs beside bounds
steps() { "$bin/tolerance" run --batch 2 --steps 1 --device cpu --precision "$1" model.bag cvc.bag cvc.tsv "cpu.$1.bag"; }
held() { "$bin/tolerance" compare "$1" held.tsv cpu.fp32.bag cpu.fp16.bag; }
verdicts() { [ "$(awk -F'\t' 'NR > 1 { print $9 }' held.tsv | paste -sd' ')" = "$1" ]; }
printf 'one\tother\tlogits\tlosses\tgradient\treason\ncpu.fp32\tcpu.fp16\t1\t1\t1\twide\n' >wide.tsv
sed 's/fp16\t1\t1/fp16\t0\t1/; s/wide/narrow/' wide.tsv >narrow.tsv
printf 'ref\tcpu.fp32\t1\t1\t1\tnobody\n' >>wide.tsv
ok 'a step is taken in fp32' steps fp32
ok 'and in fp16' steps fp16
ok 'they are within wide bounds' held wide.tsv
ok 'a pair without a run is not run' verdicts 'ok ok ok not run not run not run'
dies 1 'held.tsv: 1 bounds are exceeded' 'and not within none' held narrow.tsv
ok 'which its row says' verdicts 'exceeded ok ok'
dies 1 'no metadata batch' 'what is no run is refused' "$bin/tolerance" compare wide.tsv held.tsv model.bag
dies 1 'take a smaller --batch' 'more pictures than there are are refused' \
    "$bin/tolerance" run --batch 4096 model.bag cvc.bag cvc.tsv none.bag
dies 2 "--steps: found '0'" 'no step is refused' "$bin/tolerance" run --steps 0 model.bag cvc.bag cvc.tsv none.bag
nothing tolerance none.bag
cd "$root" || exit 1
finish
