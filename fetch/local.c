/* local.c - copies, and hashes while copying. */
#include "fetch/local.h"
#include "core/die.h"
#include "core/file.h"
#include "fetch/address.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void local_copy(struct attempt *a, const char *from) {
    const char *remedy = "remove it from the mirror, or put the right file there";
    struct seen seen;
    struct out *out = out_open(a->fetch->out);
    seen_copy(&seen, from, a->source, out);
    int code = attempt_judge(a, &seen, from, 1);
    xfree(seen.head);
    if (code == EXIT_NO) die_no("%s: %s; %s", quoted(from), a->why, remedy);
    if (code) die_world("%s: %s; %s", quoted(from), a->why, remedy);
    out_commit(out);
}

char *local_path(const struct source *s, const char *url) {
    const char *name = url + strlen("file:");
    if (!strncmp(name, "//", 2)) name += 2;
    size_t folder = *name == '/' ? 0 : (size_t)(file_base(s->path) - s->path);
    char *path = xprintf("%.*s%s", (int)folder, s->path, name), *to = path + folder;
    for (const char *at = to; *at; at++, to++) {
        char digits[3] = {at[0] == '%' ? at[1] : 0, 0, 0};
        if (digits[0]) digits[1] = at[2];
        int coded =
            isxdigit((unsigned char)digits[0]) && isxdigit((unsigned char)digits[1]);
        *to = coded ? (char)strtol(digits, NULL, 16) : *at;
        if (coded) at += 2;
    }
    *to = 0;
    return path;
}

int local_passphrase(const struct fetch *f, const struct source *s) {
    enum { PASSPHRASE = 4096 }; /* bytes */
    if (!s->passphrase_file) return 1;
    char *to =
        xprintf("%.*s%s", (int)(file_base(f->out) - f->out), f->out, s->passphrase_file);
    int there = 0;
    for (int m = 0; m < f->mirrors && !there; m++) {
        if (address_is_https(f->mirror[m])) continue;
        char *path = file_join(f->mirror[m], s->passphrase_file);
        if ((there = file_exists(path))) {
            size_t n;
            char *text = file_read(path, PASSPHRASE, &n);
            file_write(to, text, n);
            xfree(text);
        }
        xfree(path);
    }
    there |= file_exists(to);
    xfree(to);
    return there;
}
