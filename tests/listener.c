/* listener.c - sockets and children, no protocol but a proxy's CONNECT. */
#include "tests/listener.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(int good) {
    if (!good) abort();
}

static struct sockaddr_in here(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int listener_open(int *port) {
    struct sockaddr_in at = here(0);
    socklen_t size = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(!bind(listener, (struct sockaddr *)&at, size) && !listen(listener, 16));
    need(!getsockname(listener, (struct sockaddr *)&at, &size));
    *port = ntohs(at.sin_port);
    return listener;
}

pid_t listener_fork(void) {
    fflush(NULL);
    pid_t child = fork();
    need(child >= 0);
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
    }
    return child;
}

void listener_stop(pid_t child) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

void listener_log(const char *path, const char *text) {
    FILE *log = fopen(path, "a");
    if (log) fprintf(log, "%s", text), fclose(log);
}

/* Bytes both ways until one side ends. */
static void relay(int a, int b) {
    struct pollfd ends[2] = {{a, POLLIN, 0}, {b, POLLIN, 0}};
    char bytes[16384];
    while (poll(ends, 2, -1) > 0) {
        for (int i = 0; i < 2; i++) {
            if (!ends[i].revents) continue;
            ssize_t n = read(ends[i].fd, bytes, sizeof bytes);
            if (n <= 0) return;
            for (ssize_t at = 0, put; at < n; at += put)
                if ((put = write(ends[!i].fd, bytes + at, (size_t)(n - at))) <= 0) return;
        }
    }
}

static void lead(int fd, int target, const char *refusal) {
    char head[8192], answer[256];
    ssize_t n = read(fd, head, sizeof head - 1);
    if (n <= 0) return;
    head[n] = 0;
    listener_log("proxy.log", head);
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\n%s\r\n",
                          refusal ? refusal : "200 Connected",
                          refusal ? "Content-Length: 0\r\nConnection: close\r\n" : "");
    if (write(fd, answer, (size_t)length) != length || refusal) return;
    struct sockaddr_in at = here(target);
    int to = socket(AF_INET, SOCK_STREAM, 0);
    if (!connect(to, (struct sockaddr *)&at, sizeof at)) relay(fd, to);
    close(to);
}

pid_t proxy_start(int *port, int target, const char *refusal) {
    int listener = listener_open(port);
    pid_t child = listener_fork();
    while (!child) {
        int fd = accept(listener, NULL, NULL);
        lead(fd, target, refusal);
        close(fd);
    }
    close(listener);
    return child;
}

pid_t mute_start(int *port) {
    int listener = listener_open(port);
    pid_t child = listener_fork();
    while (!child) pause();
    close(listener);
    return child;
}
