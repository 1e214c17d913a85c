/* fetch.h - a source file to a verified raw download.
 *
 * In this order, the first that is there:
 *   1. the mirrors: FOLDER/NAME for every folder and every `file` name of the source; a
 *      mirror that begins with https:// is an address the name is added to;
 *   2. the source's urls;
 *   3. a person: die_world with the `manual` lines and where to put the file.
 * Before the first https address is asked, the cache is. A local copy that is wrong is
 * die_no at once: it is the user's own file. A wrong or failed download is told and the
 * next address tried; the last one's failure is the tool's.
 *
 * Verified are: not empty, no web page, begins as `magic` says, `bytes`, `sha256` or what
 * is known of it, `md5`. Where sha256 is unknown the pins file is asked; a source it does
 * not know is written down there, and said. Where `content` or `pictures` is known, a
 * local file may be another container of the same files: then only magic is checked here
 * and `pack` checks content; such a source needs no pin. At the end licence and citation
 * are told, once. */
#ifndef FETCH_FETCH_H
#define FETCH_FETCH_H
#include "core/source.h"
#include "fetch/patience.h"

struct fetch {
    const char *const *mirror;
    int mirrors;
    const char *pins;  /* NULL: no pins file */
    const char *terms; /* what was told of licences (fetch/terms.h); NULL: told each time */
    const char *cache; /* folder; NULL: none */
    const char *out;
    int offline; /* no socket is opened */
    int *gone;   /* set to 1 before dying because nobody has the file now; may be NULL */
    struct patience patience;
    int64_t most; /* bytes taken of a file whose size nobody tells */
};
static const int64_t fetch_most = (int64_t)32 << 30;

/* `out` stands, complete and verified, when this comes back. */
void fetch_run(const struct fetch *fetch, const struct source *source);

/* Where fetch_run would find it, in a line `name<TAB>state<TAB>where`, the state one of
 * present (at out), mirror, cached, fetchable, manual. No file is read and no socket
 * opened. Caller frees. */
char *fetch_look(const struct fetch *fetch, const struct source *source);
#endif
