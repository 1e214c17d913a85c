/* sha.c - sha256, and md5, by libcrypto; refuses nothing, and stops if the library cannot
 * work. */
#include "file.h"
#include "die.h"
#include <openssl/evp.h>

struct sha {
    EVP_MD_CTX *context;
};

static void sha_release(void *arg) {
    EVP_MD_CTX_free(((struct sha *)arg)->context);
}

static void check(int ok) {
    if (!ok)
        die_world("sha256: libcrypto failed, wanted a working OpenSSL; install libssl3");
}

static struct sha *open_as(const EVP_MD *kind) {
    struct sha *sha = xcalloc(1, sizeof *sha);
    die_cleanup(sha_release, sha);
    sha->context = fail_point() ? NULL : EVP_MD_CTX_new();
    check(sha->context && EVP_DigestInit_ex(sha->context, kind, NULL));
    return sha;
}

struct sha *sha_open(void) {
    return open_as(EVP_sha256());
}

struct sha *md5_open(void) {
    return open_as(EVP_md5());
}

void sha_add(struct sha *sha, const void *bytes, size_t n) {
    check(EVP_DigestUpdate(sha->context, bytes, n));
}

void sha_close(struct sha *sha, char hex[65]) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    check(EVP_DigestFinal_ex(sha->context, digest, &n));
    for (unsigned i = 0; i < n; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[2 * n] = 0;
    die_cleanup_forget(sha_release, sha);
    sha_release(sha);
    xfree(sha);
}

void sha_bytes(const void *bytes, size_t n, char hex[65]) {
    struct sha *sha = sha_open();
    sha_add(sha, bytes, n);
    sha_close(sha, hex);
}
