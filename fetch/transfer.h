/* transfer.h - one request to one https address.
 *
 * What comes goes to the end of a part. If the part says that it is a part of this very
 * address, with a strong ETag or a date, only the rest is asked for (Range and If-Range,
 * RFC 9110, section 13.1.5). Else it is emptied as soon as the first bytes show that the
 * file comes and no page in its place. Every status but 200 and 206 is a refusal. All
 * limits are counted here: libcurl's own do not see a body without a length. */
#ifndef FETCH_TRANSFER_H
#define FETCH_TRANSFER_H
#include "core/progress.h"
#include "core/source.h"
#include "fetch/part.h"
#include "fetch/patience.h"

struct request {
    const struct source *source;
    const char *url;
    struct part *part;
    struct patience patience;
    int64_t most; /* bytes of a file whose size nobody tells */
    struct progress *progress;
};

enum answer {
    CAME,  /* whole as far as the protocol tells; verify judges it */
    AGAIN, /* may pass: try again, going on where it stopped */
    STALE, /* what the part holds cannot be gone on with: empty it and ask again */
    GONE,  /* not to be had here now */
    WRONG, /* the file here is another one */
};
struct outcome {
    enum answer answer;
    long status;        /* if the server refused: what it said; else 0 */
    double retry_after; /* seconds it asks to be left alone; 0: none */
    char why[512];      /* unless CAME; fit for a terminal */
};
/* Dies if the disk, the memory or libcurl itself fails. */
void transfer(const struct request *request, struct outcome *outcome);
#endif
