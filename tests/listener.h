/* listener.h - children that listen on a free port of 127.0.0.1 and end with the test. */
#ifndef TESTS_LISTENER_H
#define TESTS_LISTENER_H
#include <sys/types.h>

int listener_open(int *port);
pid_t listener_fork(void); /* 0 in the child */
void listener_stop(pid_t child);
void listener_log(const char *path, const char *text);

/* An HTTP proxy at http://localhost:PORT whose CONNECT leads to `target`, a port of this
 * machine, whatever host is asked for; its requests go to proxy.log. With `refusal` ("407
 * No") it says that instead. */
pid_t proxy_start(int *port, int target, const char *refusal);
/* Takes connections and says nothing. */
pid_t mute_start(int *port);
#endif
