# nginx.sh - nginx as an ordinary process, with a folder, a certificate and a free port of its own;
# sourced after tap.sh, in the script's $here.
#   can_serve       whether there is an nginx, and an openssl
#   serve           starts it on https://localhost:$port, for the files in $here/www; CURL_CA_BUNDLE is
#                   its authority. A start that fails ends the script as a failed test.
#   serve_no_more   stops it, at the latest at the script's end;  serve_again  starts it on the same port
# The same files by other ways: /slow/ (300 kB a second), /brisk/ (1 MB), /dated/ (no ETag), /whole/ (no
# ranges), /moved/ (leads to /brisk/), /away/ (leads to http). What is asked is in $here/tmp/access.log:
# status, address, range, bytes.
unset https_proxy HTTPS_PROXY all_proxy ALL_PROXY OFFLINE SSL_CERT_FILE SSL_CERT_DIR
export REPOLYP_CACHE=
nginx=$(PATH=$PATH:/usr/sbin command -v nginx)
server=
serve_no_more() {
    [ -z "$server" ] || kill "$server" 2>/dev/null
    [ -z "$server" ] || wait "$server" 2>/dev/null
    server=
}
trap 'serve_no_more; chmod -R u+w "$here"; rm -rf "$here"' EXIT

# An authority of our own, and its certificate for localhost.
make_certificate() (
    cd "$here/tmp" || exit 1
    openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj '/CN=an authority' -keyout ca.key -out ca.pem
    openssl req -newkey rsa:2048 -nodes -subj '/CN=localhost' -keyout key.pem -out request.pem
    printf 'subjectAltName=DNS:localhost\n' >names
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out cert.pem
) >"$here/tmp/openssl" 2>&1

nginx_conf() {
    local www=$here/www/ folder
    [ "$(id -u)" != 0 ] || echo 'user root;'
    echo "daemon off; worker_processes 1; pid tmp/pid; error_log tmp/error.log; events {}"
    echo "http { log_format ours '\$status \$request_uri \$http_range \$body_bytes_sent';"
    echo 'access_log tmp/access.log ours; default_type application/octet-stream;'
    for folder in client_body proxy fastcgi uwsgi scgi; do echo "${folder}_temp_path tmp;"; done
    echo "server { listen 127.0.0.1:$port ssl http2; server_name localhost; root $www;"
    echo 'ssl_certificate cert.pem; ssl_certificate_key key.pem;'
    echo "location /slow/ { alias $www; limit_rate 300k; }"
    echo "location /brisk/ { alias $www; limit_rate 1m; }"
    echo "location /dated/ { alias $www; limit_rate 1m; etag off; }"
    echo "location /whole/ { alias $www; limit_rate 1m; max_ranges 0; }"
    echo 'location /moved/ { rewrite ^/moved/(.*) /brisk/$1 redirect; }'
    echo 'location /away/ { return 302 http://localhost/a.zip; }'
    echo '} }'
}

serve_again() {
    nginx_conf >"$here/tmp/nginx.conf"
    "$nginx" -p "$here/" -c tmp/nginx.conf 2>>"$here/tmp/cried" &
    server=$!
    for _ in $(seq 50); do
        kill -0 $server 2>/dev/null || { server=; return 1; }
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep .1
    done
}

can_serve() { [ -n "$nginx" ] && command -v openssl >/dev/null; }

serve() {
    mkdir -p "$here/www" "$here/tmp"
    make_certificate
    export CURL_CA_BUNDLE=$here/tmp/ca.pem
    for _ in 1 2 3 4 5 6; do # the port may be taken
        port=$((20000 + RANDOM % 20000))
        serve_again && return 0
    done
    verdict 1 'nginx starts'
    explain "$here/tmp/openssl" "$here/tmp/cried"
    finish
}
