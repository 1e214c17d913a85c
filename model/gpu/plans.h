/* plans.h - the plan file: what was chosen for each product, kept from one start to the
 * next.
 *
 * A bag with one tensor of bytes a choice, by the name of the work ("conv y fp16 n32 ...").
 * It holds for one device and one version of the libraries; any other file under its name,
 * one that is no bag and one that is not as it was written (its sha256 is in it) is told on
 * stderr and made anew. Several processes may share it: who misses a choice holds the file
 * (flock on its folder) until it has saved, and the others then find it there. What a
 * choice says is asked of the library again by whoever recalls it. */
#ifndef MODEL_GPU_PLANS_H
#define MODEL_GPU_PLANS_H
#include <stddef.h>

struct plan_file;
/* path NULL: nothing is read or written. made_for: device and versions, a line of text. */
struct plan_file *plan_file_open(const char *path, const char *made_for);
/* Borrowed until close, a zero byte behind the end. NULL: there is none, and the file is
 * ours until plan_file_save. */
const void *plan_file_find(struct plan_file *f, const char *name, size_t *n);
/* In place of what stood there under that name. */
void plan_file_add(struct plan_file *f, const char *name, const void *bytes, size_t n);
/* Writes what was added, if anything, and lets others have the file. */
void plan_file_save(struct plan_file *f);
/* sha256 of all choices found or added since open, by name: what this process computes
 * with, whatever others add to the file. "none" where there were none. Borrowed until the
 * next call. */
const char *plan_file_sha256(struct plan_file *f);
void plan_file_close(struct plan_file *f);
#endif
