#!/bin/bash
# seeds.sh - what fuzz targets begin with, made by code: FOLDER/NAME for fuzz_NAME.
#   usage, from the root of the sources: tests/fuzz/seeds.sh FOLDER
seeds=$1
golden=${GOLDEN:-tests/golden/data}
"${BIN:-out/bin}/hostile" --seeds "$seeds" || exit
cp "$golden"/checkpoints/* "$seeds/checkpoint"
cp "$golden"/checkpoints/*.safetensors "$seeds/bag"
cp "$golden"/pickles/* "$seeds/pickle"
cp fetch/sources/*.src "$seeds/source"
cp report/*.tsv train/*.conf convert/*.conf "$seeds/table"
printf 'name\tvalue\n1\t-0.25\n# a comment\n\302\240\t1e-3\n' >"$seeds/table/numbers"
printf 'value\n9223372036854775807\n+007\n' >"$seeds/table/whole"
printf ' key  a b # why\nurl\thttp://x/#y \nurl z\nsize\n' >"$seeds/table/pairs"
printf 'value\nabc\n' >"$seeds/table/words"
printf 'a\r\nb\n' >"$seeds/table/cr"
printf '\357\273\277a\n' >"$seeds/table/mark"
printf 'a\302\205\360\237\230\200\355\240\200\n' >"$seeds/table/bytes"
cp paper.md "$seeds/weave"
ln -s checkpoint "$seeds/zip"
ln -s archive "$seeds/story"
cat >"$seeds/weave/every" <<'PAPER'
# {{all wins}} of {{a-b-c dice}}, {{published a-b-c dice}}, {{published c pictures}}

{{include raw}}
{{include none}}
![figure {{all wins}}](raw){width=50%} and ![none](../raw)
{{code raw f}}
{{code a.c f}}
{{code a.cu g}}
{{code Makefile f}}
{{code none f}} {{code /x f}}
{{claim wins = 6}} {{claim wins > a-b-c dice}} {{claim x <= 7}} {{claim wins != 6}} {{claim wins < 1}}
{{claim wins >= nothing}} {{claim wins about 6}} {{claim}} {{x y z w}} {{}} {{one}} {{all x}} {{a-b-c none}} {{v/all/s x}}
`0.5` ``a ` 0.5`` <https://x.org/1.5> [t](https://x.org/2.5) v1.5 0.5 1,5 | .1 | ~~0.9~~ $0.5$
~~~ {.c}
0.5 {{x
~~~
{{never
PAPER
printf '\0/* [f */\n    int x; ```` \n\n/* [g */\n/* g] */\n  // other]\n# [other\n/* f] */\n' >>"$seeds/weave/every"
printf '{{code raw f}}\0/* f] */\n# [f\n' >"$seeds/weave/turned"
printf '# [f\n0.5 {{x}}\n# f]' >"$seeds/weave/behind"
