/* sandbox_calls.h - seccomp: the system calls a shut-in process may still make. For
 * sandbox.c. */
#ifndef CORE_SANDBOX_CALLS_H
#define CORE_SANDBOX_CALLS_H
#include <stdbool.h>

bool sandbox_calls_known(void); /* whether this kernel and processor have the filter */
/* Every call not in the list fails with ENOSYS from now on, in all threads. `sanitized`:
 * the address sanitizer's leak check may look at its own process. */
void sandbox_calls_limit(bool sanitized);
#endif
