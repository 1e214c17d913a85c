/* served.h - a body behind a server of https.h, the source that describes it, and
 * fetching it; for the tests of fetch. */
#ifndef TESTS_SERVED_H
#define TESTS_SERVED_H
#include "fetch/fetch.h"
#include "tests/https.h"
#include <stdint.h>

enum { BODY = 300000 }; /* bytes */
extern uint8_t served_body[BODY];
/* What the tool asks for, but with little patience, to out/raw, without a cache. */
extern struct fetch served_fetch;

/* Fills the body, starts the server, trusts it, and gives the source's text with `more`
 * at its end: caller frees. */
char *served_start(struct https *server, https_answer *answer, const char *more);
/* arg: a source's text; fetches as served_fetch says. For die_catch. */
void served_one(void *arg);

/* Answers: the body from `from`, `n` bytes of it sent, whatever the length says; a
 * status. */
void served_send(struct reply *reply, const char *etag, size_t from, size_t n);
void served_status(struct reply *reply, const char *status, const char *more);
void served_page(struct reply *reply, const char *status, const char *title);
size_t served_from(const char *head); /* first byte of the range asked for; 0: none */

int served_requests(void);           /* so many since the last served_forget */
int served_asked(const char *words); /* one of them says so */
void served_forget(void);

/* Ends a child, with what gcov counted but without looking for leaks. */
_Noreturn void served_exit(int code);

/* What fetch_one says on stderr, its exit code in *code. Caller frees. */
char *served_said(const char *text, int *code);
/* All of it comes, in so many requests; or the tool stops with this message, and in out/
 * are so many files, none by the final name. */
void served_comes(https_answer *answer, int requests);
void served_stops(https_answer *answer, int code, const char *message, int requests,
                  int files);
/* The same with size and sum unknown. */
void served_unknown_stops(https_answer *answer, int code, const char *message);
void served_drop(char *text, const char *key); /* the line that begins so */
void assert_file(const char *path, const void *bytes, size_t n);
void assert_nothing(int files);
/* in out/, without the locks of hosts, which stay and say nothing */
int served_files(void);
#endif
