/* escape.c - a parser that was taken over: preloaded into a tool, it stands for functions
 * that decoders call (zlib's crc32, libarchive's opening), and there tries to get out,
 * once. It says "taken over", and "escaped" for each way that worked.
 *
 * It is no part of any program: tests/cli.sh compiles it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <dlfcn.h>

static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(9);
}

static void try_all(void) {
    static int done;
    if (done++) return;
    say("taken over\n");
    if (open("/etc/passwd", O_RDONLY) >= 0) say("escaped: read a file\n");
    if (open("/tmp/escaped", O_WRONLY | O_CREAT, 0600) >= 0) say("escaped: wrote a file\n");
    unlink("/tmp/escaped");
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0) say("escaped: opened a socket\n");
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid > 0) say("escaped: started a process\n");
    execl("/bin/echo", "echo", "escaped: became a program", (char *)NULL);
}

/* The real function behind the one that is called. */
#define BEHIND(name) (try_all(), dlsym(RTLD_NEXT, name))

unsigned long crc32(unsigned long crc, const unsigned char *bytes, unsigned n) {
    unsigned long (*real)(unsigned long, const unsigned char *, unsigned);
    *(void **)&real = BEHIND("crc32");
    return real(crc, bytes, n);
}

int archive_read_open1(void *archive) {
    int (*real)(void *);
    *(void **)&real = BEHIND("archive_read_open1");
    return real(archive);
}
