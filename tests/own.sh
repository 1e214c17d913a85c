#!/bin/bash
# own.sh - a data set and a pretraining of one's own, by one source file each and a map of names, as
# README.md says: no line of C, no line of the Makefile. They get a row and a column of Table 1, and
# the new set scores models that were trained on another.
. tests/tap.sh
. tests/tree.sh
tree=$here/tree
new_tree "$tree"
rm "$tree/convert" "$tree/train" # a map and a recipe are added to them
cp -a convert train "$tree"
sources=$tree/out/demo/sources
mkdir -p "$sources" "$here/raw"
cd "$tree"

# The set: pictures and masks side by side, told apart by the mask's ending, in a .tar.gz.
"$bin/phantom" --seed 7 cvc "$here/raw"
mkdir "$here/photos"
tar -xJf "$here/raw/web/CVC-ClinicDB.tar.xz" -C "$here/raw"
for n in $(seq 40); do
    mv "$here/raw/CVC-ClinicDB/Original/$n.tif" "$here/photos/day-$n.tif"
    mv "$here/raw/CVC-ClinicDB/Ground Truth/$n.tif" "$here/photos/day-$n-truth.tif"
done
tar -czf "$sources/mine.tar.gz" -C "$here" photos
cat >"$sources/mine.src" <<'SRC'
name mine
kind data
file mine.tar.gz
manual I took the pictures myself.
bytes unknown
sha256 unknown
magic gzip
format pairs photos/*.tif | photos/*-truth.tif
SRC

# The pretraining: a checkpoint whose tensors have names of its own.
"$bin/phantom_weights" radimagenet-resnet50 "$here/raw"
cp "$(find "$here/raw" -name '*resnet50.pt')" "$sources/mine.pt"
cat >"$sources/mine-resnet50.src" <<'SRC'
name mine-resnet50
kind weights
arm mine
encoder resnet50
file mine.pt
manual I trained it myself.
bytes unknown
sha256 unknown
magic zip
format pth
map mine
mean 0.5 0.5 0.5
std 0.5 0.5 0.5
order bgr
range 255
SRC
printf 'from\tto\nbackbone.0\tconv1\nbackbone.1\tbn1\n' >convert/names/mine.tsv
for l in 1 2 3 4; do printf 'backbone.%d\tlayer%d\n' $((l + 3)) $l >>convert/names/mine.tsv; done

# One epoch: what is learned does not matter here.
sed 's/^epochs .*/epochs 1/' train/demo.conf >train/quick.conf
ask="PROFILE=demo DATASETS=mine ENCODERS=resnet50 RECIPE=train/quick.conf THREADS=2"
ok 'a data set and weights of one source each are made into Table 1' \
    make table1 $ask 'PRETRAIN=imagenet mine'
in_table() { grep -qE "$1" out/demo/table1.md; }
ok 'the set is a line of Table 1' in_table '^\| ResNet-50 \| mine \| 8 \| ImageNet \| 0\.'
ok 'and so is the pretraining' in_table '^\|  \|  \| 8 \| mine \| 0\.[0-9]+ \| none '
ok 'what came without a checksum is pinned' test "$(grep -cE '^mine(-resnet50)?	' out/pins.tsv)" = 2
"$bin/bag" out/demo/data/mine.bag >"$here/.listed"
ok 'its pack has the name of the set, made by the default conf' grep -q '^# data: mine' "$here/.listed"

make cross $ask 'PRETRAIN=imagenet mine' EXTERNAL=cvc >"$here/.crossed" 2>&1
status=$?
ok 'its models are scored on another set' test $status = 0
[ $status = 0 ] || explain "$here/.crossed"
ok 'and the score is told' grep -qE '^resnet50-mine-mine \(main\) on cvc: Dice 0\.[0-9]' "$here/.crossed"
ok 'over every picture of that set' \
    test "$(wc -l <out/demo/runs/main/resnet50-mine-mine/random/s0/score.cvc.tsv)" = 41
dies 2 'EXTERNAL is empty' 'without a set to score on make says so' make cross $ask

sed '/^map/d' "$sources/mine-resnet50.src" >"$here/raw/mine-resnet50.src"
dies 1 "unexpected 'backbone.0.weight'" 'without its map a tensor that is left over is named' \
    "$bin/weights" "$here/raw/mine-resnet50.src" "$sources/mine.pt" "$here/raw/mine.bag"
finish
