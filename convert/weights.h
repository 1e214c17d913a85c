/* weights.h - a checkpoint to a weights bag: the encoder's own PyTorch names, F32, sorted
 * by name.
 *
 * Metadata: arm, encoder, source (the .src's name), mean, std, order, range (its words),
 * sha256 (of the raw file), content (sha256 over the sorted lines "sha256 name" of the
 * tensors as written: the same for every container and precision that holds the same
 * values), loaded ("loaded 318 of 318, 0 missing, 0 unexpected"), missing (names, partial
 * loads only), format "repolyp weights 1". num_batches_tracked is counted but not written:
 * no arithmetic here uses it. */
#ifndef CONVERT_WEIGHTS_H
#define CONVERT_WEIGHTS_H
#include "core/source.h"

/* raw NULL: a source without a file (arm random), an empty bag that only carries metadata.
 * `names` is the folder of names.h. Every missing, unexpected or misshaped tensor is named
 * on stderr, then the count; any of them is die_no unless `partial`, which writes what is
 * there. A value that is not finite in F32, or a negative running variance, is die_no
 * naming the tensor; so is a file that is not the source's `content` (or, where there is
 * none, its `sha256`). */
void weights_convert(const struct source *source, const char *names, const char *raw,
                     int partial, const char *out);
#endif
