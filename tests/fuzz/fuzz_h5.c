/* fuzz_h5.c - libFuzzer target: any bytes as a Keras file are refused with a message or
 * become a bag that can be read.
 *
 * libhdf5 was not written for foreign bytes; that it breaks is what the tool h5 expects,
 * and no finding. So inputs are read in a child, which hands back the branches that our
 * walk took, and says whose fault its end was. Ours: a fault outside libhdf5, or inside it
 * at a block that we allocated. */
#include "convert/h5.h"
#include "core/bag.h"
#include "core/die.h"
#include "tests/fuzz/place.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    LARGEST = 1 << 29,
    ROOM = 1 << 20,
    SECONDS = 10,
    INPUTS = 256,
    FRAMES = 64,
    OURS = 90,
    THEIRS = 91
};

/* Of the sanitizers, libFuzzer and gcov; absent where the target was compiled without. */
#define MAYBE __attribute__((weak))
void __asan_on_error(void);
void __sanitizer_malloc_hook(const volatile void *block, size_t n);
MAYBE void *__asan_get_report_address(void);
MAYBE size_t __asan_get_alloc_stack(void *address, void **trace, size_t n, int *thread);
MAYBE void __sanitizer_set_death_callback(void (*fn)(void));
MAYBE void __gcov_dump(void);
/* Where libFuzzer's counters begin and end; not in C, where clang uses these very names
 * itself. */
__asm__(".weak __start___sancov_cntrs, __stop___sancov_cntrs\n"
        ".pushsection .data\n"
        "counters: .quad __start___sancov_cntrs, __stop___sancov_cntrs\n"
        ".popsection");
extern uint8_t *const counters[2];

struct reader { /* the child */
    pid_t pid;
    int to, from;
};
static struct reader reader;
static uint8_t *shared, none[ROOM]; /* the counters' way back from the child; zeros */

static size_t counters_count(void) {
    return (size_t)(counters[1] - counters[0]);
}

static void copy_counters(uint8_t *to, const uint8_t *from) {
    if (counters_count()) memcpy(to, from, counters_count());
}

static _Noreturn void leave(int code) {
    copy_counters(shared, counters[0]);
    if (__gcov_dump) __gcov_dump();
    _exit(code);
}

static int in_libhdf5(void *const *frame, int n) {
    Dl_info info;
    for (int i = 0; i < n; i++)
        if (dladdr(frame[i], &info) && strstr(info.dli_fname, "libhdf5")) return 1;
    return 0;
}

static int is_theirs(void) {
    void *frame[FRAMES], *at = __asan_get_report_address ? __asan_get_report_address() : 0;
    int thread, n = at ? (int)__asan_get_alloc_stack(at, frame, FRAMES, &thread) : 0;
    if (n && !in_libhdf5(frame, n)) return 0;
    return in_libhdf5(frame, backtrace(frame, FRAMES));
}

/* The sanitizer calls it in front of its report; in the parent it is not for us. */
void __asan_on_error(void) {
    if (place_is_mine()) return;
    if (is_theirs()) leave(THEIRS);
}

/* libFuzzer's own hook, which comes after, would end the child for a large block. */
void __sanitizer_malloc_hook(const volatile void *block, size_t n) {
    (void)block;
    if (n > LARGEST && !place_is_mine()) leave(is_theirs() ? THEIRS : OURS);
}

static void at_death(void) {
    leave(OURS);
}

static void at_signal(int number) {
    (void)number;
    leave(is_theirs() ? THEIRS : OURS);
}

static void target(void *arg) {
    struct bag bag;
    char out[64];
    snprintf(out, sizeof out, "%s", place("out"));
    h5_convert(arg, out);
    bag_open(&bag, out);
    if (!bag.count || !bag_meta(&bag, "sha256")) abort();
    bag_close(&bag);
}

static int read_one(void) {
    char message[2048] = "", raw[64];
    snprintf(raw, sizeof raw, "%s", place("raw"));
    alarm(SECONDS);
    int code = die_catch(target, raw, message, sizeof message);
    alarm(0);
    if (!code || (code != EXIT_USAGE && *message)) return 0;
    fprintf(stderr, "exit %d: '%s'\n", code, message);
    return 1;
}

/* For each byte that comes an input is read, and a byte goes back. */
static _Noreturn void child(int from, int to) {
    const int fatal[] = {SIGABRT, SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    char byte;
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(at_death);
    for (int i = 0; i < (__asan_get_report_address ? 2 : 6); i++)
        signal(fatal[i], at_signal); /* the others are the sanitizer's */
    for (int i = 0; i < INPUTS && read(from, &byte, 1) == 1; i++) {
        copy_counters(counters[0], none);
        if (read_one()) leave(OURS);
        copy_counters(shared, counters[0]);
        if (i < INPUTS - 1 && write(to, &byte, 1) != 1) break;
    }
    leave(0);
}

/* Whether the child answered; libFuzzer's clock interrupts. */
static int is_answered(void) {
    char byte = 0;
    if (write(reader.to, &byte, 1) != 1) abort();
    ssize_t got;
    while ((got = read(reader.from, &byte, 1)) < 0 && errno == EINTR) continue;
    return got == 1;
}

/* Closes the child's door and waits for it: its status. */
static int end_child(void) {
    int status;
    pid_t pid;
    close(reader.to);
    close(reader.from);
    while ((pid = waitpid(reader.pid, &status, 0)) < 0 && errno == EINTR) continue;
    if (pid != reader.pid) abort();
    reader.pid = 0;
    return status;
}

static void at_end(void) {
    if (place_is_mine() && reader.pid) end_child();
}

static void start(void) {
    void *frame[1];
    h5_start();
    backtrace(frame, 1); /* loads what it needs, while that is safe */
    shared = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || counters_count() > ROOM || atexit(at_end)) abort();
}

static void start_child(void) {
    int there[2], back[2];
    if (pipe(there) || pipe(back) || (reader.pid = fork()) < 0) abort();
    if (!reader.pid) {
        close(there[1]);
        close(back[0]);
        child(there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    reader.to = there[1];
    reader.from = back[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!shared) start();
    place_put("raw", data, size);
    if (!reader.pid) start_child();
    if (!is_answered()) { /* it has come to its end */
        int status = end_child(), code = WEXITSTATUS(status);
        if (!WIFEXITED(status) || (code && code != THEIRS)) {
            fprintf(stderr, "the child ended with status %#x\n", (unsigned)status);
            abort();
        }
    }
    copy_counters(counters[0], shared);
    return 0;
}
