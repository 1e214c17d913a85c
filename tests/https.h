/* https.h - a server on this machine that answers as told, for the tests of fetch.
 *
 * A child process with a certificate made on the spot. Each request is given to `answer`,
 * which sends what it likes and may stop in the middle; what was asked is appended to
 * requests.log in the working directory. One connection at a time, closed after each
 * answer. */
#ifndef TESTS_HTTPS_H
#define TESTS_HTTPS_H
#include <stddef.h>
#include <sys/types.h>

struct https {
    pid_t child;
    int port;
    char certificate[64]; /* file, for CURL_CA_BUNDLE */
};
struct reply;
/* In the child: request number 0, 1, 2 ... and its head. */
typedef void https_answer(struct reply *reply, int number, const char *head);
/* For localhost and Google Drive's two hosts. */
void https_start(struct https *server, https_answer *answer);
/* The certificate is for `names` ("DNS:..., IP:...") and ends `days` from now; it is
 * written to `certificate`. */
void https_start_as(struct https *server, https_answer *answer, const char *names, int days,
                    const char *certificate);
void https_stop(struct https *server);
void https_send(struct reply *reply, const void *bytes, size_t n);
void https_print(struct reply *reply, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void https_sleep(struct reply *reply, double seconds); /* connection open, nothing sent */
void https_hang_up(struct reply *reply);               /* without TLS's goodbye */
#endif
