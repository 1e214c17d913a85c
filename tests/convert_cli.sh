#!/bin/bash
# convert_cli.sh - bag, h5, pack, split and weights as they are typed: what is printed, and what is
# refused before anything is read.
. tests/tap.sh
cd "$here" || exit 1
says() { # TEXT COMMAND...: prints exactly that
    [ "$1" = "$("${@:2}")" ] || { "${@:2}"; return 1; }
}
unseen() { dies 3 "$1" "$2" bash -c '"$@" >/dev/full' _ "${@:3}"; } # its output cannot be written

# ---- bag: one value of every type, and shapes ----
values=
types=
at=0
put() { # TYPE SHAPE BYTES as \x..
    local n=$((${#3} / 4))
    types+=",\"$1\":{\"dtype\":\"$1\",\"shape\":$2,\"data_offsets\":[$at,$((at + n))]}"
    values+=$3
    at=$((at + n))
}
put F64 '[1]' '\x9a\x99\x99\x99\x99\x99\xb9\x3f'
put I64 '[1]' '\xfc\xff\xff\xff\xff\xff\xff\xff'
put U64 '[1]' '\xfc\xff\xff\xff\xff\xff\xff\xff'
put F32 '[]' '\x00\x00\x00\x3f'
put I32 '[1]' '\xfd\xff\xff\xff'
put U32 '[1]' '\xfd\xff\xff\xff'
put F16 '[1]' '\x00\x3c'
put BF16 '[1]' '\xc0\xbf'
put I16 '[1]' '\xfe\xff'
put U16 '[1]' '\xfe\xff'
put U8 '[2,3]' '\x01\x02\x03\x04\x05\xff'
put I8 '[1]' '\xff'
put BOOL '[1]' '\x01'
head="{\"__metadata__\":{\"a\":\"b\"}$types,\"none\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[$at,$at]}}"
printf "\\x$(printf %02x $((${#head} % 256)))\\x$(printf %02x $((${#head} / 256)))\0\0\0\0\0\0" >all.bag
printf %s "$head" >>all.bag
printf "$values" >>all.bag
for row in F64:0.1 I64:-4 U64:18446744073709551612 F32:0.5 I32:-3 U32:4294967293 F16:1 BF16:-1.5 I16:-2 \
    U16:65534 I8:-1 BOOL:1 none:; do
    ok "a value of ${row%:*} is printed" says "${row#*:}" "$bin/bag" all.bag "${row%:*}"
done
ok 'a line for each run along the last dimension' says "$(printf '1 2 3\n4 5 255')" "$bin/bag" all.bag U8
"$bin/bag" all.bag >listed
ok 'a bag is listed: what it says of itself' grep -qx '# a: b' listed
ok 'and its tensors: type, shape, bytes, name' grep -qE '^U8 +\[2,3\] +6 +U8$' listed
ok 'each once' test "$(wc -l <listed)" = 15
dies 2 'no tensor x, wanted one of its 14' 'a tensor that is not there' "$bin/bag" all.bag x
dies 2 'wanted MODEL OUT' 'an export to nowhere' "$bin/bag" --export timm all.bag
dies 2 'wanted FILE [TENSOR]' 'a word too many' "$bin/bag" all.bag U8 U8
unseen 'standard output' 'a list nobody can see' "$bin/bag" all.bag
unseen 'standard output' 'a tensor nobody can see' "$bin/bag" all.bag U8

# ---- pack ----
set_of() { printf 'name x\nkind data\nfile raw\nmanual none\nformat %s\n%s' "$1" "${2:-}"; }
set_of 'pairs i/*.png | m/*.png' >x.src
printf 'size 8\nresize bilinear\nmask_resize nearest\nmask_threshold 127\norder numeric\ngroups none\n' >x.conf
mkdir -p i m A B names
# A grey PNG of one pixel.
echo iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg== | base64 -d >i/1.png
for copy in m/1.png A/1.png A/2.png B/3.png; do cp i/1.png $copy; done
tar -cf pairs.tar i m
pack() { "$bin/pack" "$@" x.conf x.src pairs.tar out; }
dies 2 'wanted a whole number from 1 to 64' 'no thread' pack --threads 0
dies 2 'wanted a whole number from 1 to 64' '65 threads' pack --threads 65
dies 2 'wanted a whole number from 1 to 64' 'a thread that is no number' pack --threads two
dies 2 'wanted lower-case letters and digits' 'a set with a name that cells cannot have' pack --data Mine
dies 2 'wanted lower-case letters and digits' 'a set without a name' pack --data ''
dies 2 '5 arguments' 'an archive without its source' pack pairs.tar
dies 2 'wanted SOURCE.src RAW' 'a description of nothing' "$bin/pack" --describe x.src
dies 2 'wanted a file NAME.conf' 'a conf without a name' "$bin/pack" x.src x.src pairs.tar out
ok 'a set under a name of its own' pack --threads 3 --data mine
ok 'says that name' bash -c "'$bin/bag' out | grep -qx '# data: mine'"
rm out
ok 'the content of an archive' bash -c "[ \$('$bin/pack' --content x.src pairs.tar | wc -c) = 65 ]"
"$bin/pack" --describe x.src pairs.tar >described
ok 'a description: folders' grep -qE '^# i +1 +0 +0$' described
ok 'files' grep -qx 'files 2' described
ok 'and pins of pictures' grep -qE '^pictures [0-9a-f]{64}$' described
{ set_of 'pairs i/*.png | m/*.png'; grep -E '^(content|pictures|unpacked|files|bytes|sha256) ' described; } >pinned.src
ok 'which pin it' "$bin/pack" x.conf pinned.src pairs.tar out
rm out
unseen 'standard output' 'a description nobody can see' "$bin/pack" --describe x.src pairs.tar
unseen 'standard output' 'a content nobody can see' "$bin/pack" --content x.src pairs.tar
# Pictures in folders by class, as many as a list says.
tar -cf classes.tar A B
set_of 'folders *.png' 'counts list
' >classes.src
printf 'folder\tpictures\nA\t2\nB\t1\n' >names/list.tsv
ok 'classes are counted' "$bin/pack" --describe --names names classes.src classes.tar
printf 'folder\tpictures\nA\t2\nB\t2\n' >names/list.tsv
dies 1 'B' 'and a class that lacks a picture is named' "$bin/pack" --describe --names names classes.src classes.tar
for wrong in 'size 9' 'size 4104' 'size x' 'resize lanczos' 'mask_threshold 255' 'order random' 'groups cases' \
    'pictures 0'; do
    sed "/^${wrong% *} /d" x.conf >wrong.conf
    echo "$wrong" >>wrong.conf
    dies 1 "${wrong% *} is '${wrong#* }'" "a conf with $wrong" "$bin/pack" wrong.conf x.src pairs.tar out
done

# ---- split ----
"$bin/pack" x.conf x.src pairs.tar one.bag 2>/dev/null
dies 2 'more than 8' 'nine lists' "$bin/split" $(printf -- '--list val=v%d ' 1 2 3 4 5 6 7 8 9) official 0 one.bag out
dies 2 'wanted a whole number from 0' 'a replicate below none' "$bin/split" random -- -1 one.bag out
dies 2 'wanted a whole number from 0' 'a replicate that is no number' "$bin/split" random x one.bag out
dies 2 '3 arguments' 'a split to nowhere' "$bin/split" random 0 one.bag
ok 'all of a set validates' "$bin/split" all 0 one.bag out
for kind in grouped-f5 grouped-f grouped-f10 wild; do
    dies 2 "$kind" "a kind of split that is not: $kind" "$bin/split" $kind 0 one.bag split.tsv
done

# ---- weights ----
weights_of() {
    printf 'name w\nkind weights\narm a\nencoder little\nmean 0 0 0\nstd 1 1 1\norder rgb\nrange 1\n%s' "$1"
}
weights_of '' >none.src
weights_of 'file w.pth
manual none
' >w.src
dies 2 'for data there is pack' 'weights of a data set' "$bin/weights" x.src pairs.tar w.bag
dies 2 'wanted SOURCE.src RAW OUT' 'weights without their file' "$bin/weights" w.src w.bag
dies 2 'has no file' 'a file for weights that have none' "$bin/weights" none.src pairs.tar w.bag
dies 2 '4 arguments' 'a word too many for weights' "$bin/weights" w.src a b c
ok 'weights without a file' "$bin/weights" none.src w.bag
ok 'say how pictures are scaled' bash -c "'$bin/bag' w.bag | grep -qx '# mean: 0 0 0'"

# ---- h5 ----
printf '\211HDF\r\n\032\n' >stub
dies 1 "libhdf5 cannot open the file: " 'a Keras file of nothing but its first bytes' "$bin/h5" stub k.bag
dies 3 'absent: ' 'a Keras file that is not there' "$bin/h5" absent k.bag
(ulimit -v 2000000; exec "$bin/h5" stub k.bag) 2>.cried
ok 'under a limit of the caller it is the same' grep -q 'cannot open the file' .cried
cd "$root" || exit 1
finish
