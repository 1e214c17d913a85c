/* sandbox.c - Landlock: which files a shut-in process may still open.
 *
 * It judges no path and makes no folder; whatever fails leaves the process as it was. */
#include "sandbox.h"
#include "file.h"
#include "sandbox_calls.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after this header's first version (Linux 6.2, 6.10). */
#define TRUNCATE (1ull << 14)
#define IOCTL_DEV (1ull << 15)
#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define MAKE                                                                               \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                         \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | TRUNCATE)
#define OF_A_FILE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)

/* There only where the program was compiled with the address sanitizer, or to count
 * branches. */
extern void __asan_init(void) __attribute__((weak));
extern void __gcov_init(void *) __attribute__((weak));

static long landlock_version(void) {
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* All rights this kernel knows: what is not known cannot be taken away. */
static __u64 known_rights(void) {
    long version = landlock_version();
    if (version < 1) return 0;
    __u64 rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (version >= 2) rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3) rights |= TRUNCATE;
    if (version >= 5) rights |= IOCTL_DEV;
    return rights;
}

void sandbox_open(struct sandbox *box) {
    struct landlock_ruleset_attr rules = {.handled_access_fs = known_rights()};
    box->ruleset = -1;
    if (rules.handled_access_fs)
        box->ruleset = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof rules, 0);
}

static bool allow(struct sandbox *box, const char *path, __u64 rights) {
    struct stat st;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return false;
    if (fstat(fd, &st) == 0) {
        if (!S_ISDIR(st.st_mode)) rights &= OF_A_FILE;
        struct landlock_path_beneath_attr rule = {rights & known_rights(), fd};
        syscall(SYS_landlock_add_rule, box->ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    close(fd);
    return true;
}

void sandbox_read(struct sandbox *box, const char *path) {
    if (box->ruleset >= 0) allow(box, path, READ);
}

/* The folder of `path` or, while that is not made, the nearest above it that is. */
void sandbox_write(struct sandbox *box, const char *path) {
    char folder[PATH_MAX];
    size_t n = (size_t)(file_base(path) - path);
    if (box->ruleset < 0 || n >= sizeof folder) return;
    memcpy(folder, path, n);
    folder[n] = 0;
    while (*folder && !allow(box, folder, READ | MAKE)) {
        n = strlen(folder);
        while (n && folder[n - 1] == '/') folder[--n] = 0;
        folder[file_base(folder) - folder] = 0;
    }
    if (!*folder) allow(box, ".", READ | MAKE);
}

/* What is compiled into a program to watch it needs files too: the sanitizer's leak check
 * its own process, gcov the folder that holds objects and programs. */
static void allow_watchers(struct sandbox *box) {
    char program[PATH_MAX];
    if (__asan_init) sandbox_read(box, "/proc/self");
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (!__gcov_init || n < 0) return;
    program[n] = 0;
    char *slash = strrchr(program, '/'); /* .../out/bin-cov/NAME: up to .../out/ */
    if (slash) *slash = 0;
    sandbox_write(box, program);
}

void sandbox_enter(struct sandbox *box) {
    char hex[65];
    sha_bytes("", 0, hex); /* libcrypto reads its configuration at its first use */
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (box->ruleset >= 0) {
        allow_watchers(box);
        syscall(SYS_landlock_restrict_self, box->ruleset, 0);
        close(box->ruleset);
        box->ruleset = -1;
    }
    sandbox_calls_limit(__asan_init != NULL);
}

const char *sandbox_state(void) {
    bool files = landlock_version() >= 1, calls = sandbox_calls_known();
    if (files && calls) return "Landlock and seccomp";
    if (files) return "Landlock alone: this kernel has no seccomp";
    if (calls) return "seccomp alone: this kernel has no Landlock";
    return "none: this kernel has neither Landlock nor seccomp";
}
