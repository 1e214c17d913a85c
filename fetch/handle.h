/* handle.h - a libcurl handle with every default that would surprise turned off.
 *
 * Of the environment it honours https_proxy, all_proxy and no_proxy (small letters or
 * capitals), CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR, as the program curl does. */
#ifndef FETCH_HANDLE_H
#define FETCH_HANDLE_H
#include "fetch/patience.h"
#include <curl/curl.h>
#include <stdint.h>

struct handle {
    CURL *curl;
    struct curl_slist *headers;
    char error[CURL_ERROR_SIZE]; /* what libcurl says in words; "": nothing */
};
typedef size_t handle_callback(char *bytes, size_t size, size_t n, void *arg);

/* https to `url` and wherever it is redirected, ten times at most. All die_world if libcurl
 * fails; the handle is closed when the process dies. */
void handle_open(struct handle *handle, const char *url, const struct patience *patience);
void handle_receive(struct handle *handle, handle_callback *header, handle_callback *body,
                    void *arg);
/* From byte `from` on, if the file is still the one of `validator`. */
void handle_resume(struct handle *handle, int64_t from, const char *validator);
/* Whether libcurl asked in vain for memory since handle_open. */
int handle_lacked_memory(void);
void handle_close(struct handle *handle);

/* Says which of the variables are used, without passwords. */
void handle_tell_settings(void);
#endif
