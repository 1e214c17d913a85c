/* pack.h - raw archives to a data set's bag (core/pack.h).
 *
 * Each archive is read once, in its own order; pictures are decoded and resized as they
 * come, set down in a spool, paired, put in order, and written. Memory does not grow with
 * pixels. The result depends on the members alone: not on the container, nor on the number
 * of threads. Metadata: data (the set's name), source (names), content (of each archive),
 * conf (its text), format "repolyp pack 1", and `redistribute no` if a source says so. A
 * layout that knows parts adds the text tensor `part`, a line a picture. */
#ifndef CONVERT_PACK_H
#define CONVERT_PACK_H

struct pack_job {
    const char *conf;
    int sources;
    const char *const *source; /* [sources] .src files */
    const char *const *raw;    /* [sources] their downloads */
    const char *out;
    int threads;
    const char *data;  /* the set's name; NULL: the conf's */
    const char *names; /* folder of the lists that sources name as counts */
};
void pack_make(const struct pack_job *job);
/* Reads an archive and checks it; `content` receives its hash. */
void pack_content(const char *source, const char *raw, char content[65]);
/* Reads an archive, checks it (its source's counts too, where the layout has classes), and
 * prints on stdout the lines with which a source pins it, and how many pictures and masks
 * each of its folders holds. */
void pack_describe(const char *source, const char *raw, const char *names);
#endif
