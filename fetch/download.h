/* download.h - one https address to a part, through libcurl; the only file that knows it.
 *
 * Resumes what a part holds if the server still has the same file (If-Range with its strong
 * ETag or its date), else starts again; retries what may pass (408, 429, 5xx, broken
 * connections) five times, waiting pause, 2 pause, 4 pause ... or as long as Retry-After
 * says; follows redirects to https alone; takes no byte more than the source's `bytes`.
 * https_proxy and CURL_CA_BUNDLE are honoured, and told. */
#ifndef FETCH_DOWNLOAD_H
#define FETCH_DOWNLOAD_H
#include "core/source.h"
#include "fetch/part.h"

/* 1: the part is whole as far as the protocol tells; the caller verifies it. 0: not to be
 * had there now, `why` (size bytes) says why. The part keeps what came. */
int download(const struct source *source, const char *url, struct part *part, double pause,
             char *why, size_t size);
#endif
