/* sandbox_calls.c - the list, and the filter made of it.
 *
 * It is a list of what a converter does: memory, threads, its own files, the clock. No
 * socket, no program, no other process, no new code. */
#include "sandbox_calls.h"
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int memory[] = {SYS_munmap, SYS_madvise, SYS_brk, SYS_mremap};
static const int threads[] = {
    SYS_futex,       SYS_set_robust_list,   SYS_rseq,      SYS_exit, SYS_exit_group,
    SYS_sched_yield, SYS_sched_getaffinity, SYS_membarrier};
static const int files[] = {
    SYS_read,       SYS_write,      SYS_lseek,  SYS_pread64,        SYS_pwrite64,
    SYS_readv,      SYS_writev,     SYS_openat, SYS_close,          SYS_fstat,
    SYS_newfstatat, SYS_statx,      SYS_fcntl,  SYS_faccessat,      SYS_faccessat2,
    SYS_getdents64, SYS_readlinkat, SYS_getcwd, SYS_ftruncate,      SYS_fallocate,
    SYS_fsync,      SYS_fdatasync,  SYS_flock,  SYS_mkdirat,        SYS_unlinkat,
    SYS_renameat,   SYS_renameat2,  SYS_umask,  SYS_sync_file_range};
static const int signals[] = {SYS_rt_sigaction,  SYS_rt_sigprocmask, SYS_rt_sigreturn,
                              SYS_rt_sigsuspend, SYS_sigaltstack,    SYS_restart_syscall,
                              SYS_ppoll};
static const int questions[] = {SYS_gettid,          SYS_getpid,        SYS_getppid,
                                SYS_getuid,          SYS_geteuid,       SYS_getgid,
                                SYS_getegid,         SYS_clock_gettime, SYS_clock_getres,
                                SYS_clock_nanosleep, SYS_nanosleep,     SYS_gettimeofday,
                                SYS_getrusage,       SYS_times,         SYS_getrandom,
                                SYS_uname,           SYS_sysinfo};
/* Forms of the same that the C library prefers where a processor has them. */
static const int old[] = {
#ifdef SYS_rename
    SYS_open,   SYS_stat,   SYS_lstat,     SYS_access,   SYS_mkdir,
    SYS_unlink, SYS_rename, SYS_readlink,  SYS_getdents, SYS_poll,
    SYS_pause,  SYS_time,   SYS_getrlimit, SYS_setrlimit
#else
    SYS_renameat
#endif
};

/* The sanitizer's leak check stops its own threads from a helper process. */
static const int sanitizers[] = {SYS_clone, SYS_ptrace, SYS_wait4,           SYS_prctl,
                                 SYS_kill,  SYS_tkill,  SYS_process_vm_readv};

/* Calls of which one argument is looked at. */
enum rule { EQUAL, HAS, LACKS };
struct narrow {
    int number, argument;
    enum rule rule;
    uint32_t value;
};

#if defined __x86_64__
#define PROCESSOR AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define PROCESSOR AUDIT_ARCH_AARCH64
#else
#define PROCESSOR 0 /* not known: no filter */
#endif

/* To the C library: a kernel that does not know the call. It has another way, or fails. */
#define REFUSED (SECCOMP_RET_ERRNO | ENOSYS)
enum { MOST = 800 };

struct filter {
    unsigned short n;
    struct sock_filter line[MOST];
};

static void add(struct filter *f, unsigned code, uint32_t k, int yes, int no) {
    assert(f->n < MOST);
    f->line[f->n++] = (struct sock_filter){(uint16_t)code, (uint8_t)yes, (uint8_t)no, k};
}

static void load(struct filter *f, size_t offset) {
    add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void end(struct filter *f, uint32_t verdict) {
    add(f, BPF_RET | BPF_K, verdict, 0, 0);
}

/* Both expect the call's number to be loaded, and leave it so. */
static void add_calls(struct filter *f, const int *number, size_t n) {
    for (size_t i = 0; i < n; i++) {
        add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number[i], 0, 1);
        end(f, SECCOMP_RET_ALLOW);
    }
}

/* Looks at the argument's low half, which comes first: both processors are
 * little-endian. */
static void add_narrow(struct filter *f, const struct narrow *c) {
    size_t at = offsetof(struct seccomp_data, args) + 8 * (size_t)c->argument;
    int skip = c->rule == LACKS;
    add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->number, 0, 4);
    load(f, at);
    add(f, BPF_JMP | (c->rule == EQUAL ? BPF_JEQ : BPF_JSET) | BPF_K, c->value, skip,
        !skip);
    end(f, SECCOMP_RET_ALLOW);
    load(f, offsetof(struct seccomp_data, nr));
}

#define ADD(list) add_calls(&f, list, sizeof list / sizeof *list)
static void limit(bool sanitized) {
    const struct narrow narrow[] = {
        {SYS_mmap, 2, LACKS, PROT_EXEC},
        {SYS_mprotect, 2, LACKS, PROT_EXEC},
        {SYS_clone, 0, HAS, CLONE_THREAD},
        {SYS_kill, 1, EQUAL, 0},                    /* asks whether a process lives */
        {SYS_tgkill, 0, EQUAL, (uint32_t)getpid()}, /* ends itself, as abort does */
        {SYS_prlimit64, 0, EQUAL, 0},               /* its own */
        {SYS_ioctl, 1, EQUAL, TCGETS},              /* asks whether this is a terminal */
        {SYS_ioctl, 1, EQUAL, TIOCGWINSZ},
    };
    struct filter f = {0};
    load(&f, offsetof(struct seccomp_data, arch));
    add(&f, BPF_JMP | BPF_JEQ | BPF_K, PROCESSOR, 1, 0);
    end(&f, REFUSED);
    load(&f, offsetof(struct seccomp_data, nr));
    ADD(memory), ADD(threads), ADD(files), ADD(signals), ADD(questions), ADD(old);
    for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) add_narrow(&f, &narrow[i]);
    if (sanitized) ADD(sanitizers);
    end(&f, REFUSED);
    struct sock_fprog program = {f.n, f.line};
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

bool sandbox_calls_known(void) {
    uint32_t action = SECCOMP_RET_ERRNO;
    return PROCESSOR && syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}

void sandbox_calls_limit(bool sanitized) {
    if (sandbox_calls_known()) limit(sanitized);
}
