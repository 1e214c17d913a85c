#!/bin/bash
# fetch_cli.sh - fetch and sources as they are typed: what is where, what is noted, what is refused.
# No server is asked here.
. tests/tap.sh
unset OFFLINE
cd "$here" || exit 1
export REPOLYP_CACHE=$here/cache
mkdir mirror
printf 'PK\3\4 this stands for a zip' >mirror/a.zip
sum=$(sha256sum <mirror/a.zip | cut -d' ' -f1)
# source_of NAME LINE...: NAME.src
source_of() {
    local name=$1
    shift
    { printf 'name %s\nkind data\n' "$name"; printf '%s\n' "$@"; } >"$name.src"
}
net=https://localhost:1/a.zip
source_of a 'file a.zip' "url $net" 'magic zip' "sha256 $sum"
source_of asked 'file b.zip' 'manual ask the keeper' 'manual in a letter' 'passphrase_file pass.txt'
source_of near 'file b.zip' 'url file:gone.zip' "url file://$here/mirror/a.zip"
source_of nobodys 'file b.zip' 'url file:gone.zip'
printf 'name none\nkind weights\narm random\nencoder vits\nmean 0 0 0\nstd 1 1 1\norder rgb\nrange 1\n' >none.src

# --check
look() { "$bin/fetch" --check "$@" out/a; }
says() { [ "$(printf '%s' "$1" | tr ' ' '\t')" = "$("${@:2}")" ]; }
ok 'a file behind an address can be fetched' says "a fetchable $net" look a.src
ok 'a file at hand too' says "near fetchable $here/mirror/a.zip" look near.src
ok 'a file in a mirror is there' says 'a mirror mirror/a.zip' look --mirror https://localhost:1 --mirror mirror a.src
asks() { look asked.src | grep -qx "asked	manual	ask the keeper"; }
ok 'a file by request is asked for' asks
ok 'a file nobody has is nowhere' says 'nobodys manual -' look nobodys.src
mkdir -p cache/sha256
cp mirror/a.zip "cache/sha256/$sum"
ok 'a file in the cache is there' says "a cached $here/cache/sha256/$sum" look a.src
ok 'without a socket too' env OFFLINE=1 bash -c "'$bin/fetch' --check a.src out/a | grep -q cached"
mkdir out
touch out/a
ok 'a file that was fetched is there' says 'a present out/a' look a.src
rm -r out
dies 3 'standard output' 'a look that nobody can see' bash -c "'$bin/fetch' --check a.src out/a >/dev/full"
dies 2 'wanted one of them' '--check and --absent' "$bin/fetch" --check --absent why a.src out/a
dies 2 'more than 64' 'too many mirrors' "$bin/fetch" $(printf -- '--mirror m%d ' $(seq 65)) a.src out/a

# The cache and OFFLINE
ok 'the cache is asked before the net' "$bin/fetch" a.src out/a
ok 'and has the file' cmp out/a mirror/a.zip
rm -r out cache
dies 3 'not asked, for OFFLINE is set' 'OFFLINE=1' env OFFLINE=1 "$bin/fetch" a.src out/a
sed 's/:1/:99999/' a.src >beyond.src
dies 3 'bad/illegal format' 'OFFLINE=0 is not offline' env OFFLINE=0 "$bin/fetch" beyond.src out/a
printf 'url %s?2\nurl %s?3\n' $net $net >>a.src
once() { [ "$(OFFLINE=1 "$bin/fetch" a.src out/a 2>&1 | grep -c OFFLINE)" = 1 ]; }
ok 'OFFLINE is said once, however many addresses there are' once
rm -rf cache out

# --absent
note() { "$bin/fetch" --absent why "$@"; }
ok 'an absence is written down' note asked.src out/a
ok 'with all a person must do' grep -q 'in a letter' why
ok 'but for folders of this machine' bash -c '! grep -q "make again" why'
touch -d '1 hour ago' why
cp -a why before
ok 'the same absence' note asked.src out/a
ok 'is not written anew' test ! why -nt before
ok 'another absence' note nobodys.src out/a
ok 'is' grep -q 'gone.zip: not there' why
ok 'what is there is no absence' note --mirror mirror a.src out/a
ok 'and its note goes' test ! -e why
dies 1 'begins with' 'a wrong file is none' note --mirror mirror <(sed 's/magic zip/magic xz/' a.src) out/b
dies 2 'names no file' 'wrong use is none' note none.src out/b
dies 3 'Not a directory' 'a disk that cannot be written is none' note near.src mirror/a.zip/b
ok 'nothing was noted' test ! -e why

# sources
source_of files 'file f' 'manual m' 'content e6acc66892e24e955755e743b1240578913f84637125885245adfe392fbb125b' 'redistribute no'
source_of pictures 'file f' 'manual m' 'pictures e6acc66892e24e955755e743b1240578913f84637125885245adfe392fbb125b' 'licence free'
source_of hash 'file f' 'manual m' 'md5 0123456789abcdef0123456789abcdef' 'bytes 999' 'redistribute yes'
source_of begins 'file f' 'manual m' 'sha256_begins 1f1d1c9f' 'bytes 94852768'
source_of first 'file f' 'manual m' 'bytes 11690284003'
source_of pin 'file f' 'manual m'
printf 'name w\nkind weights\narm x\nencoder vits\nmean 0 0 0\nstd 1 1 1\norder rgb\nrange 1\nfile w.zip\nmanual m\n' >w.src
printf 'name\tbytes\tsha256\npin\t1\t%s\n' "$sum" >pins.tsv
list() { "$bin/sources" --mirror mirror --raw out --pins pins.tsv "$@" >table; }
ok 'sources are listed' list a.src files.src pictures.src hash.src begins.src first.src pin.src none.src w.src
row() { grep -qE "^$1 +$2 *\$" table; }
ok 'present' row a 'present +0 kB +sha256 +not stated'
ok 'by their files' row files 'manual +unknown +files +not stated; not to be passed on'
ok 'by their pictures' row pictures 'manual +unknown +files +free'
ok 'by md5' row hash 'manual +1 kB +md5 +not stated'
ok 'by the beginning of a sum' row begins 'manual +94\.9 MB +sha256 1f1d1c9f\.\.\. +not stated'
ok 'by nothing yet' row first 'manual +11\.7 GB +first use +not stated'
ok 'by a pin' row pin 'manual +unknown +pinned +not stated'
ok 'weights apart' row weights 'state +size +known by +terms'
ok 'what has no file is left out' bash -c '! grep -q none table'
ok 'weights alone' bash -c "'$bin/sources' w.src | head -1 | grep -q '^weights'"
dies 3 'standard output' 'a list that nobody can see' bash -c "'$bin/sources' a.src >/dev/full"
dies 2 'more than 64' 'too many mirrors of sources' "$bin/sources" $(printf -- '--mirror m%d ' $(seq 65)) a.src

# --terms: told once a source, whatever the order
tells() { # NAME COUNT LINE...
    source_of "$1" 'file a.zip' 'manual m' "${@:3}"
    [ "$("$bin/fetch" --mirror mirror --terms told.tsv "$1.src" out/a 2>&1 | grep -cE "^fetch: $1: (licence|terms|to cite): ")" = "$2" ]
}
ok 'terms are told' tells m 3 'licence L' 'terms T' 'cite C'
ok 'of one after it' tells z 2 'terms T' 'cite C	with a tab'
ok 'of one before it' tells b 2 'licence L' 'cite C'
ok 'once' tells m 0 'licence L' 'terms T' 'cite C'
ok 'and again if they change' tells m 4 'licence L' 'terms T' 'cite C' 'cite D'
ok 'and of the last' tells z 1 'terms other'
ok 'where nothing is asked nothing is told' tells free 0 'licence L'
ok 'in a table by name' test "$(cut -f1 told.tsv | paste -sd ' ')" = 'name b m z'
cd "$root" || exit 1
finish
