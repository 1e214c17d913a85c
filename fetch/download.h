/* download.h - one https address to a part, however often it must be asked.
 *
 * What may pass (408, 429, 5xx, broken connections) is tried again, going on where it
 * stopped: five times, waiting pause, 2 pause, 4 pause ... or as long as the server's
 * Retry-After says, if that is not too long. Tries that bring a megabyte do not count. A
 * refusal by Google Drive is for hours, and not tried again. */
#ifndef FETCH_DOWNLOAD_H
#define FETCH_DOWNLOAD_H
#include "fetch/transfer.h"

/* outcome->answer is CAME, GONE or WRONG; the part keeps what came. request->progress is
 * ours. */
void download(struct request *request, struct outcome *outcome);
#endif
