#!/bin/bash
# seeds.sh - what fuzz targets begin with, made by code: FOLDER/NAME for fuzz_NAME. Together they take
# most branches of each parser (tests/fuzz/reach.sh); what they lack is found from them.
#   usage, from the root of the sources: tests/fuzz/seeds.sh FOLDER
seeds=$1
golden=${GOLDEN:-tests/golden/data}
"${BIN:-out/bin}/hostile" --seeds "$seeds" || exit
each() { # name text...: a seed a text, printf's escapes read
    local name=$1 i=0
    shift
    for text in "$@"; do printf "$text" >"$seeds/$name-$((i += 1))"; done
}

# ---- checkpoints and bags ----
cp "$golden"/checkpoints/* "$seeds/checkpoint"
cp "$golden"/checkpoints/*.safetensors "$seeds/bag"
cp "$golden"/pickles/* "$seeds/pickle"
mkdir "$seeds/zip" "$seeds/story"
cp "$seeds"/checkpoint/* "$seeds"/npz/* "$seeds/zip"
cp "$seeds"/archive/* "$seeds"/zip/* "$seeds/story"
cp "$seeds"/npz/* "$seeds"/pickle/* "$seeds/checkpoint"
each checkpoint/not '' ' \n<html>' '\200\2\212\012\154\374\234\106\371\040\152\250\120\031' '\211HDF\r\n\032\n' 'abc'
array() { # name header elements
    printf '\223NUMPY\1\0v\0%-117s\n%s' "$2" "$3" >"$seeds/npz/$1"
}
array floats "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }" abcdefghijklmnopqrstuvwx
array halves "{'shape': (3,), 'fortran_order': False, 'descr': '<f2'}" abcdef
array scalar "{'descr': '<f8', 'fortran_order': False, 'shape': (), }" abcdefgh
bag() { # name header elements
    printf '\220\0\0\0\0\0\0\0%-144s%s' "$2" "$3" >"$seeds/bag/$1"
}
bag metas '{"__metadata__":{"a":"b","format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' abcd
bag no-metas '{"__metadata__":["a"],"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' abcd
bag number '{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' abcd
bag escaped '{"a\"\\b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}' abcd
bag untyped '{"a":{"dtype":7,"shape":[4],"data_offsets":[0,4]}}' abcd
bag none '{"a":{"dtype":"U8","shape":[0,2],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}' a

# ---- archives: a name each, and what only some sources ask for ----
name() { # a member's name
    tar --format=gnu --mtime=@0 --owner=0 --group=0 --mode=644 -Pcf "$seeds/archive/name-$((names += 1))" --transform "s,.*,$1," \
        "$seeds/archive/blanks"
}
printf '%232s' >"$seeds/archive/blanks"
names=0 long=$(printf 'x%.0s' {1..99})
for n in $'\303\251\342\202\254\360\237\230\200' $'\302' $'\303(' $'\342\202(' $'\340\200\200' $'\355\240\200' \
    $'\360\200\200\200' $'\364\220\200\200' $'\370' $'\302\205' $'\342\200\216' $'\342\200\250' $'\342\201\246' \
    $'\1' $'\177' 'a//b' '../a' 'a/..' './a' 'a/.b' 'C:a' 'a:b' 'a\\\\b' /a a/ 'a.' 'a ' nul "$long$long$long" \
    "$long/$long/$long/$long/$long/$long/$long/$long/$long/$long/$long"; do
    name "$n"
done
tar --format=gnu --mtime=@0 --owner=0 --group=0 --mode=755 --no-recursion -cf "$seeds/archive/dot" -C "$seeds/archive" . blanks
seq 150000 >"$seeds/archive/numbers"
tar --format=gnu --mtime=@0 --owner=0 --group=0 --mode=644 -cf - -C "$seeds/archive" numbers | xz -1 >"$seeds/archive/xz-long"
rm "$seeds/archive/numbers"
gzip -n <"$seeds/archive/name-1" >"$seeds/archive/packed"
xz <"$seeds/archive/name-1" >"$seeds/archive/xz"
head -c 100 "$seeds/archive/xz" >"$seeds/archive/xz-cut"
{ head -c 60 "$seeds/archive/xz" && printf wrong && tail -c +66 "$seeds/archive/xz"; } >"$seeds/archive/xz-damaged"
{ cat "$seeds/archive/xz" && printf more; } >"$seeds/archive/xz-more"
padded() { # name bytes: zeros behind it, up to so many more than a multiple of 16
    local size
    size=$(wc -c <"$seeds/archive/$1")
    { cat "$seeds/archive/$1"; head -c $((($2 - size % 16 + 1024) % 1024)) /dev/zero; } >"$seeds/archive/$1+$2"
}
for bytes in {0..15}; do # what the source pins goes by the size
    for name in name-1 dot packed 4; do padded $name $bytes; done
done
for bytes in {31..703..16}; do # and what fails
    for name in name-1 xz; do padded $name $bytes; done
done
each archive/head '' ' \t\n<html>' 'Rar!\032\7\0x' 'Rar!\032\7\0%12d' 'Rar!\032\7\1\0%11d' 'PK\5\6%18s' 'PK\3\4'
each archive/sparse "$(printf '%%0%dd' 700)" "$(printf '\n%.0s' {1..70})<"

# ---- text ----
cp fetch/sources/*.src "$seeds/source"
source_with() { # kind line: a source and a line more
    case $1 in
    data) printf 'name x\nkind data\nfile x.zip\nmanual ask\n%b\n' "$2" ;;
    *) printf 'name x\nkind weights\narm a\nencoder e\nfile x\nmanual ask\nmean 1 2 3\nstd 1 1 1\norder rgb\nrange 255\n%b\n' "$2" ;;
    esac >"$seeds/source/line-$((lines += 1))"
}
lines=0
for line in 'sha256 abc' "sha256 $(printf 'A%.0s' {1..64})" 'sha256 x' 'sha256_begins ab' 'sha256_begins' 'md5 0' 'bytes -1' \
    'bytes x' 'redistribute yes' 'redistribute maybe' 'magic zip rar' 'magic 6e616d65' 'magic 0' 'magic xx' 'magic 6e60 zip' \
    "magic $(printf '00%.0s' {1..17})" 'file .x' 'file a..b' 'file a/b' 'file a\\\\b' "file $long$long$long" 'file' 'manual' \
    'url x' 'url https://a b' 'url file:..' 'url file:a' 'name X' 'licence' 'passphrase_file ../x' 'arm a' 'mean 1 2 3' \
    'counts -' 'counts a' 'bytes unknown' 'content unknown' "magic rar\\ncontent $(printf '0%.0s' {1..64})"; do
    source_with data "$line"
done
for line in 'map a' 'map .a' 'files 3' 'groups 2' 'redistribute no'; do source_with weights "$line"; done
for change in 's/^mean.*/mean 1 2/' 's/^mean.*/mean 1 2 3 4/' 's/^mean.*/mean 1 x 3/' "s/^mean.*/mean $long 1 1/" 's/^std.*/std 0 1 1/' \
    's/^order.*/order bgr/' 's/^order.*/order grb/' 's/^range.*/range 1/' 's/^range.*/range 7/' '/^arm/d' '/^file/d' '/^manual/d' \
    '/^kind/d' 's/^kind.*/kind none/'; do
    sed "$change" "$seeds/source/line-$lines" >"$seeds/source/changed-$((changes += 1))"
done
cp report/*.tsv train/*.conf convert/*.conf "$seeds/table"
each table/text 'name\tvalue\n1\t-0.25\n# a comment\n\302\240\t1e-3\n' 'value\n9223372036854775807\n+007\n' 'value\nabc\n' \
    'a\r\nb\n' '\357\273\277a\n' 'a\302\205\360\237\230\200\355\240\200\n' 'value\n1e\n' 'value\n1E+5\n1e400\n' 'value\n.\n' \
    'a\t\n' 'a\ta\n' 'a\tb\n1\n' 'a\n1\t2\n' 'a' "$(printf 'a\\t%.0s' {1..1001})\n" "$(printf 'key\\n%.0s' {1..70})" \
    ' key  a b # why\nurl\thttp://x/#y \nurl z\nsize\n' 'key 1\nkey 2\n' 'key 1\nkey 2\n#' 'key 1\nzzz 2\n' 'url 1\nurl 2\nkey 3\n' '#\n\n'
for bytes in '\303\251\342\202\254\360\237\230\200' '\302' '\303(' '\342\202(' '\340\200\200' '\355\240\200' '\360\200\200\200' \
    '\360\237(\200' '\364\220\200\200' '\364\217\277\277' '\370' '\1' '\177' '\0'; do
    printf "value\n$bytes\n" >"$seeds/table/bytes-$((texts += 1))"
    printf "x $bytes\n" >"$seeds/weave/bytes-$texts"
done

# ---- papers; behind the zero is what they quote ----
cp paper.md "$seeds/weave"
cat >"$seeds/weave/every" <<'PAPER'
# {{all wins}} of {{a-b-c dice}}, {{published a-b-c dice}}, {{published c pictures}}

{{include raw}}
{{include none}}
![figure {{all wins}}](raw){width=50%} and ![none](../raw) ![no](no) ![no](~x) ![open](raw
{{code raw f}}
{{code a.c f}}
{{code a.cu g}}
{{code Makefile f}}
{{code none f}} {{code /x f}}
{{code none f}}
{{code ../x f}}
{{code a`b f}}
{{code a:b f}}
{{code raw}}
{{include ../raw}}
{{include a b}}
{{claim wins = 6}} {{claim wins > a-b-c dice}} {{claim x <= 7}} {{claim 7 <= x}} {{claim wins != 6}} {{claim wins < 1}}
{{claim wins <= 6}} {{claim wins >= 6}} {{claim a-b-c dice > 3}} {{claim 1 = 2}} {{claim a b c = 2}} {{claim = 2}} {{claim 2 =}} {{claim 1 = a b c}}
{{claim wins >= nothing}} {{claim wins about 6}} {{claim}} {{x y z w}} {{}} {{one}} {{all x}} {{a-b-c none}} {{v/all/s x}}
{{1 2 3 4 5 6 7 8 9 a b c d e f g h i j}} \{{ \
`0.5` ``a ` 0.5`` `open 0.5 <https://x.org/1.5> <http 1.5 [t](https://x.org/2.5) v1.5 0.5 1,5 | .1 | ~~0.9~~ $0.5$ 1,234.5 12,3
```not `closed
    ```
~~~ {.c}
0.5 {{x
~~~ x
~~~~
{{never
PAPER
printf '\0/* [f */\n    int x; ```` \n\n/* [g */\n/* g] */\n  // other]\n# [other\n/* f] */\n' >>"$seeds/weave/every"
printf '{{code raw f}}\0/* f] */\n# [f\n' >"$seeds/weave/turned"
printf '{{code a.c f}}\n{{code a.cu f}}\n{{code Makefile f}}\0\t// [f  \nint y;\n/* no end\n  // f]\n#\n/**/\n# []\n' >"$seeds/weave/quoted"
printf '{{code raw f}}\0# [f\n' >"$seeds/weave/begun"
printf '{{include raw}}\nx' >"$seeds/weave/included"
printf '# [f\n0.5 {{x}}\n# f]' >"$seeds/weave/behind"
{ cat "$seeds/weave/every" && printf x; } >"$seeds/weave/every-draft"
{ cat "$seeds/weave/every" && printf xx; } >"$seeds/weave/every-strict"
for i in {1..205}; do echo '{{'; done >"$seeds/weave/many"
