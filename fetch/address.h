/* address.h - what an address says, and to whom it may be shown. It opens nothing. */
#ifndef FETCH_ADDRESS_H
#define FETCH_ADDRESS_H
#include <stddef.h>

int address_is_https(const char *url);
/* Fit for a terminal and without the user:password before an '@'. One of quoted()'s
 * buffers. A `proxy` has no path, so all before its last '@' is secret. */
const char *address_shown(const char *url);
const char *address_proxy_shown(const char *proxy);
/* The host in lower case as part of a file's name: letters, digits, '.', '-', else '_'. */
void address_host(const char *url, char *host, size_t size);

/* Google Drive shows pages where others give files, and changes them every year or two
 * (wkentaro/gdown issues 149, 342, 391). So one address is tried, the one that gave files
 * when this was written, and a page that comes instead is a person's business. Both NULL if
 * `url` is no file of Google Drive's; caller frees. */
char *address_drive_direct(const char *url);
char *address_drive_page(const char *url); /* for a browser */
#endif
