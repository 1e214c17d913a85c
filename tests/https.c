/* https.c - the child that serves. */
#include "tests/https.h"
#include "tests/listener.h"
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct reply {
    SSL *ssl;
    int hung_up;
};

static void need(int good) {
    if (!good) abort();
}

/* A key and a certificate that signs itself. */
static void make_certificate(SSL_CTX *context, const char *names, int days,
                             const char *path) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    need(key && x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -10 * 24 * 3600);
    X509_gmtime_adj(X509_getm_notAfter(x), days * 24 * 3600);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1,
                               -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    need(extension && X509_add_ext(x, extension, -1));
    X509_EXTENSION_free(extension);
    need(X509_sign(x, key, EVP_sha256()) > 0);
    need(SSL_CTX_use_certificate(context, x) == 1 &&
         SSL_CTX_use_PrivateKey(context, key) == 1);
    FILE *f = fopen(path, "w");
    need(f && PEM_write_X509(f, x) && !fclose(f));
    X509_free(x);
    EVP_PKEY_free(key);
}

void https_send(struct reply *reply, const void *bytes, size_t n) {
    enum { BLOCK = 10000 };
    for (size_t at = 0; at < n; at += BLOCK) {
        int some = n - at < BLOCK ? (int)(n - at) : BLOCK;
        if (SSL_write(reply->ssl, (const char *)bytes + at, some) <= 0) return;
    }
}

void https_print(struct reply *reply, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    need(n >= 0 && (size_t)n < sizeof text);
    https_send(reply, text, (size_t)n);
}

void https_sleep(struct reply *reply, double seconds) {
    (void)reply;
    struct timespec rest = {(time_t)seconds,
                            (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&rest, NULL);
}

void https_hang_up(struct reply *reply) {
    reply->hung_up = 1;
}

static int read_head(SSL *ssl, char *head, size_t room) {
    size_t n = 0;
    while (n + 1 < room) {
        int got = SSL_read(ssl, head + n, (int)(room - 1 - n));
        if (got <= 0) return 0;
        n += (size_t)got;
        head[n] = 0;
        if (strstr(head, "\r\n\r\n")) return 1;
    }
    return 0;
}

static void serve(SSL_CTX *context, int listener, https_answer *answer) {
    for (int number = 0;;) {
        int fd = accept(listener, NULL, NULL);
        struct reply reply = {SSL_new(context), 0};
        char head[8192];
        SSL_set_fd(reply.ssl, fd);
        if (SSL_accept(reply.ssl) == 1 && read_head(reply.ssl, head, sizeof head)) {
            listener_log("requests.log", head);
            answer(&reply, number++, head);
            if (!reply.hung_up) SSL_shutdown(reply.ssl);
        }
        SSL_free(reply.ssl);
        close(fd);
    }
}

void https_start_as(struct https *server, https_answer *answer, const char *names, int days,
                    const char *certificate) {
    int listener = listener_open(&server->port);
    snprintf(server->certificate, sizeof server->certificate, "%s", certificate);
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    need(context != NULL);
    make_certificate(context, names, days, server->certificate);
    server->child = listener_fork();
    if (!server->child) serve(context, listener, answer);
    close(listener);
    SSL_CTX_free(context);
}

void https_start(struct https *server, https_answer *answer) {
    https_start_as(server, answer,
                   "DNS:localhost,DNS:drive.google.com,DNS:drive.usercontent.google.com", 1,
                   "localhost.pem");
}

void https_stop(struct https *server) {
    listener_stop(server->child);
}
