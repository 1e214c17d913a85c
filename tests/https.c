/* https.c - the child that serves. One connection at a time, closed after each answer. */
#include "tests/https.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct reply {
    SSL *ssl;
};

static void need(int good) {
    if (!good) abort();
}

/* A key and a certificate for localhost that signs itself. */
static void make_certificate(SSL_CTX *context, const char *path) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    need(key && x);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 24 * 3600);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost",
                               -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    need(names && X509_add_ext(x, names, -1));
    X509_EXTENSION_free(names);
    need(X509_sign(x, key, EVP_sha256()) > 0);
    need(SSL_CTX_use_certificate(context, x) == 1 &&
         SSL_CTX_use_PrivateKey(context, key) == 1);
    FILE *f = fopen(path, "w");
    need(f && PEM_write_X509(f, x) && !fclose(f));
    X509_free(x);
    EVP_PKEY_free(key);
}

void https_send(struct reply *reply, const void *bytes, size_t n) {
    if (n) SSL_write(reply->ssl, bytes, (int)n);
}

void https_print(struct reply *reply, const char *format, ...) {
    char text[4096];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    https_send(reply, text, (size_t)n);
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
        struct reply reply = {SSL_new(context)};
        char head[8192];
        SSL_set_fd(reply.ssl, fd);
        if (SSL_accept(reply.ssl) == 1 && read_head(reply.ssl, head, sizeof head)) {
            FILE *log = fopen("requests.log", "a");
            if (log) fprintf(log, "%s", head), fclose(log);
            answer(&reply, number++, head);
            SSL_shutdown(reply.ssl);
        }
        SSL_free(reply.ssl);
        close(fd);
    }
}

void https_start(struct https *server, https_answer *answer) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    need(!bind(listener, (struct sockaddr *)&at, size) && !listen(listener, 16));
    need(!getsockname(listener, (struct sockaddr *)&at, &size));
    server->port = ntohs(at.sin_port);
    snprintf(server->certificate, sizeof server->certificate, "localhost.pem");
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    need(context != NULL);
    make_certificate(context, server->certificate);
    fflush(NULL);
    server->child = fork();
    need(server->child >= 0);
    if (!server->child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        serve(context, listener, answer);
    }
    close(listener);
    SSL_CTX_free(context);
}

void https_stop(struct https *server) {
    kill(server->child, SIGKILL);
    waitpid(server->child, NULL, 0);
}
