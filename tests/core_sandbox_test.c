/* core_sandbox_test.c - what a shut-in process can and cannot do, tried in a child. Each
 * thing that must fail is seen to work first, outside. */
#include "core/sandbox.h"
#include "core/sandbox_calls.h"
#include "tests/test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Attempts: 1 if it worked. */
static int read_file(const char *path) {
    int fd = open(path, O_RDONLY);
    char byte;
    int worked = fd >= 0 && read(fd, &byte, 1) == 1;
    if (fd >= 0) close(fd);
    return worked;
}

static int reads_its_input(void) {
    return read_file("in/raw");
}
static int reads_a_neighbour(void) {
    return read_file("in/other");
}
static int reads_a_file_of_the_system(void) {
    return read_file("/etc/passwd");
}
static int lists_a_folder(void) {
    DIR *dir = opendir("in");
    if (dir) closedir(dir);
    return dir != NULL;
}
static int make_file(const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    int worked = fd >= 0 && write(fd, "x", 1) == 1;
    if (fd >= 0) close(fd);
    unlink(path);
    return worked;
}
static int writes_beside_its_input(void) {
    return make_file("in/new");
}
static int writes_where_its_output_goes(void) {
    file_write("out/deep/result", "x", 1); /* aside, renamed, the folders made and synced */
    return file_exists("out/deep/result");
}
static int overwrites_its_input(void) {
    int fd = open("in/raw", O_WRONLY);
    if (fd >= 0) close(fd);
    return fd >= 0;
}
static int removes_its_input(void) {
    return rename("in/raw", "out/raw") == 0 && rename("out/raw", "in/raw") == 0;
}
static int changes_rights(void) {
    return chmod("in/raw", 0600) == 0;
}
static int makes_a_link(void) {
    int worked = symlink("/etc/passwd", "out/link") == 0;
    unlink("out/link");
    return worked;
}
static int opens_a_socket(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}
static int opens_a_local_socket(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd >= 0) close(fd);
    return fd >= 0;
}
static int starts_a_program(void) {
    char *argument[] = {"true", NULL};
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        execv("/bin/true", argument);
        _exit(1);
    }
    int status = 1;
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}
static int becomes_a_program(void) {
    char *argument[] = {"false", NULL};
    execv("/bin/false", argument); /* its 1 says that it ran */
    return 0;
}
static int ends_another_process(void) {
    return kill(getppid(), SIGCONT) == 0;
}
static int maps_new_code(void) {
    void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at != MAP_FAILED) munmap(at, 4096);
    return at != MAP_FAILED;
}
static void *reads_elsewhere(void *arg) {
    *(int *)arg = 1 + reads_a_file_of_the_system() + opens_a_socket();
    return NULL;
}
static int starts_a_thread(void) {
    pthread_t thread;
    int found = 0;
    return pthread_create(&thread, NULL, reads_elsewhere, &found) == 0 &&
           pthread_join(thread, NULL) == 0 && found;
}
static int a_thread_gets_out(void) {
    pthread_t thread;
    int found = 0;
    return pthread_create(&thread, NULL, reads_elsewhere, &found) == 0 &&
           pthread_join(thread, NULL) == 0 && found > 1;
}
static int finds_no_file_where_none_is(void) {
    return open("in/absent", O_RDONLY) < 0 && errno == ENOENT;
}

/* Outside all work; inside only ours. */
enum keeper { OURS, LANDLOCK, SECCOMP };
static const struct attempt {
    int (*try)(void);
    const char *what;
    enum keeper keeper;
} attempts[] = {
    {reads_its_input, "reads its input", OURS},
    {writes_where_its_output_goes, "writes where its output goes", OURS},
    {starts_a_thread, "starts a thread", OURS},
    {finds_no_file_where_none_is, "finds no file where none is", OURS},
    {reads_a_neighbour, "reads a neighbour of its input", LANDLOCK},
    {reads_a_file_of_the_system, "reads a file of the system", LANDLOCK},
    {lists_a_folder, "lists a folder", LANDLOCK},
    {writes_beside_its_input, "writes beside its input", LANDLOCK},
    {overwrites_its_input, "overwrites its input", LANDLOCK},
    {removes_its_input, "removes its input", LANDLOCK},
    {changes_rights, "changes a file's rights", SECCOMP},
    {makes_a_link, "makes a link", SECCOMP},
    {opens_a_socket, "opens a socket", SECCOMP},
    {opens_a_local_socket, "opens a local socket", SECCOMP},
    {starts_a_program, "starts a program", SECCOMP},
    {becomes_a_program, "becomes a program", SECCOMP},
    {ends_another_process, "sends a signal", SECCOMP},
    {maps_new_code, "maps new code", SECCOMP},
    {a_thread_gets_out, "gets out in a thread", SECCOMP},
};
enum { ATTEMPTS = sizeof attempts / sizeof *attempts };

/* The address sanitizer's helper may do these. */
static bool sanitized(const struct attempt *a) {
#if defined __SANITIZE_ADDRESS__
    return a->try == ends_another_process || a->try == starts_a_program;
#else
    (void)a;
    return false;
#endif
}

static void set_the_stage(void) {
    file_write("in/raw", "x", 1);
    file_write("in/other", "x", 1);
    file_mkdir("out");
}

/* There only where branches are counted (the Makefile asks the linker for it): _exit would
 * lose the child's. */
extern void __gcov_dump(void) __attribute__((weak));

/* In a child, shut in or not: 1 if the attempt works. */
static int tried(const struct attempt *a, bool inside) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox box;
        if (inside) {
            sandbox_open(&box);
            sandbox_read(&box, "in/raw");
            sandbox_read(&box, "in/absent");
            sandbox_write(&box, "out/deep/result");
            sandbox_enter(&box);
        }
        int worked = a->try();
        if (__gcov_dump) __gcov_dump();
        _exit(worked);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void outside_everything_works(void **state) {
    (void)state;
    set_the_stage();
    for (int i = 0; i < ATTEMPTS; i++)
        if (!tried(&attempts[i], false)) fail_msg("outside, none %s", attempts[i].what);
}

static bool kept(const struct attempt *a) {
    return (a->keeper == LANDLOCK && strstr(sandbox_state(), "Landlock")) ||
           (a->keeper == SECCOMP && strstr(sandbox_state(), "seccomp"));
}

static void inside_a_process_has_its_own_files_and_nothing_else(void **state) {
    (void)state;
    int shut = 0;
    set_the_stage();
    for (int i = 0; i < ATTEMPTS; i++) {
        const struct attempt *a = &attempts[i];
        if (a->keeper != OURS && (!kept(a) || sanitized(a))) continue;
        shut += a->keeper != OURS;
        if (tried(a, true) != (a->keeper == OURS))
            fail_msg("inside, a process %s", a->what);
    }
    if (!shut) {
        print_message("this kernel keeps nothing: %s\n", sandbox_state());
        skip();
    }
}

/* ---- other kernels ---- */

/* From here on this process has a kernel that does not know the call. */
static void lack(int number) {
    struct sock_filter line[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof line / sizeof *line, line};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)) _exit(100);
}

static const struct kernel {
    bool landlock, seccomp;
    const char *state;
} kernels[] = {
    {false, true, "seccomp alone: this kernel has no Landlock"},
    {true, false, "Landlock alone: this kernel has no seccomp"},
    {false, false, "none: this kernel has neither Landlock nor seccomp"},
};

/* What goes wrong in a process of such a kernel that shuts itself in; 0: nothing. */
static int shut_in_under(const struct kernel *k) {
    struct sandbox box;
    if (!k->landlock) lack(SYS_landlock_create_ruleset);
    if (!k->seccomp) lack(SYS_seccomp);
    if (strcmp(sandbox_state(), k->state) != 0) return 1;
    sandbox_open(&box);
    sandbox_read(&box, "in/raw");
    sandbox_write(&box, "out/deep/result");
    sandbox_enter(&box);
    if (!reads_its_input()) return 2;
    if (!writes_where_its_output_goes()) return 3;
    if (reads_a_file_of_the_system() == k->landlock) return 4;
    if (opens_a_socket() == k->seccomp) return 5;
    return 0;
}

static void a_kernel_that_keeps_less_is_told_and_does_the_work(void **state) {
    (void)state;
    set_the_stage();
    if (strcmp(sandbox_state(), "Landlock and seccomp") != 0) {
        print_message("this kernel keeps less itself: %s\n", sandbox_state());
        skip();
    }
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            int wrong = shut_in_under(&kernels[i]);
            if (__gcov_dump) __gcov_dump();
            _exit(wrong);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status) fail_msg("%s: status %x", kernels[i].state, status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(outside_everything_works),
        TEST(inside_a_process_has_its_own_files_and_nothing_else),
        TEST(a_kernel_that_keeps_less_is_told_and_does_the_work),
    };
    return test_run(tests);
}
