#!/bin/bash
# fetch_nginx.sh - the tool as people run it, against nginx: an ordinary process with a folder, a
# certificate and a free port of its own. Ranges, validators, redirects, kills, a shared cache.
. tests/tap.sh
. tests/nginx.sh
cd "$here" || exit 1
if ! can_serve; then
    skip 'downloads from nginx' 'no nginx or no openssl here; make deps'
    finish
fi
serve
# new_file SIZE: what is at www/a.zip; old enough that its date proves something.
new_file() {
    { printf 'PK\3\4'; head -c "$1" /dev/urandom; } >fresh
    touch -d '1 hour ago' fresh
    mv fresh www/a.zip
}
# source PLACE [LINE...]: a.src for www/a.zip behind PLACE.
source_at() {
    printf 'name a\nkind data\nfile a.zip\nurl https://localhost:%s/%s/a.zip\nmagic zip\n' $port "$1" >a.src
    shift
    [ $# = 0 ] || printf '%s\n' "$@" >>a.src
}
pinned() { echo "sha256 $(sha256sum <www/a.zip | cut -d' ' -f1)"; }
forget() { rm -rf out; : >tmp/access.log; }
fetch() { "$bin/fetch" a.src out/a 2>.told; }
asked() { grep -c . tmp/access.log; }
same() { cmp www/a.zip out/a && [ "$(ls -A out | grep -v lock)" = a ]; }
size() { stat -c %s out/.a.part 2>/dev/null || echo 0; }

new_file 1500000
source_at . "$(pinned)"
forget
ok 'a file comes over TLS by our own authority' fetch
ok 'the same file' same
forget
dies 3 'certificate' 'without the authority it does not' env -u CURL_CA_BUNDLE "$bin/fetch" a.src out/a

# grows FROM: until the part is longer than that.
grows() {
    for _ in $(seq 200); do
        [ "$(size)" -le "$1" ] || return 0
        sleep .05
    done
}
# killed_often PLACE TIMES: kill -9 at so many moments; then it comes whole.
killed_often() {
    local moments= i child before
    source_at "$1" "$(pinned)"
    forget
    for i in $(seq "$2"); do
        before=$(size)
        "$bin/fetch" a.src out/a 2>.told &
        child=$!
        grows "$before"
        sleep 0.$((RANDOM % 40 + 10))
        kill -9 $child
        wait $child 2>/dev/null
        [ -e out/a ] && break
        moments="$moments $(size)"
    done
    echo "killed at bytes$moments"
    fetch && same
}
sent() { awk '{s += $NF} END {print s}' tmp/access.log; }
ok 'killed at seven moments, it comes whole' killed_often slow 7
explain "$here/.said"
ok 'by ranges, not from the beginning' test "$(grep -c '^206' tmp/access.log)" -ge 3
ok 'and little is sent twice' test "$(sent)" -lt 3000000
ok 'by date where there is no ETag' killed_often dated 2
ok 'by ranges too' test "$(grep -c '^206' tmp/access.log)" -ge 1
ok 'where there are no ranges, from the beginning' killed_often whole 1
ok 'with a line that says so' grep -q 'takes no ranges; from the beginning' .told
ok 'through a redirect' killed_often moved 2
ok 'by ranges as well' test "$(grep -c '^206' tmp/access.log)" -ge 1
source_at away
forget
dies 3 "sends us on to 'http://localhost/a.zip', wanted https alone" 'not to http' "$bin/fetch" a.src out/a

# killed once, then CHANGE on the server
changed() {
    forget
    "$bin/fetch" a.src out/a 2>.told &
    grows 0
    kill -9 $!
    wait $! 2>/dev/null
    "$@"
    echo "$(sed '/^sha256/d' a.src)" >a.src
    pinned >>a.src
    fetch && same
}
source_at brisk "$(pinned)"
ok 'a file that changed between is begun again' changed new_file 1600000
ok 'and said' grep -q 'has another file now' .told
source_at brisk "$(pinned)"
same_bytes() { touch -d '2 hours ago' www/a.zip; }
ok 'so is one that only looks changed' changed same_bytes

# The server dies in the middle and comes back.
restarted() {
    forget
    "$bin/fetch" a.src out/a 2>.told &
    local child=$!
    grows 0
    serve_no_more
    sleep .5
    serve_again || return 1
    wait $child && same
}
source_at slow "$(pinned)"
ok 'a server that comes back is gone on with' restarted
ok 'after a line that says so' grep -q 'trying again in' .told
ok 'progress is told with its rate' grep -qE 'a: [0-9]+ of 2 MB, [0-9.]+/s, [0-9]+s' .told

# A cache for two checkouts at a time.
export REPOLYP_CACHE=$here/cache
source_at slow "$(pinned)"
forget
"$bin/fetch" a.src one/a 2>/dev/null &
"$bin/fetch" a.src two/a 2>/dev/null
both=$?
wait $! || both=1
ok 'two checkouts at a time both have the file' test $both = 0
ok 'both whole' cmp one/a two/a
ok 'one of them asked' test "$(asked)" = 1
serve_no_more
forget
ok 'later ones need no server' env OFFLINE=1 "$bin/fetch" a.src out/a
ok 'nor bytes of their own' test "$(stat -c %h out/a)" -ge 2
rm -rf out cache
dies 3 'not asked, for OFFLINE is set' 'without a cache OFFLINE says so' env OFFLINE=1 "$bin/fetch" a.src out/a
told() { [ "$("$bin/fetch" --check a.src out/a)" = "a	fetchable	https://localhost:$port/slow/a.zip" ]; }
ok 'what there is to do is told in a line' told
cd "$root" || exit 1
finish
