/* pack_main.c - the tool `pack`: raw archives to one data set's bag.
 *
 * It downloads nothing, splits nothing, and writes no picture to a file. */
#include "convert/archive.h"
#include "convert/conf.h"
#include "convert/pack.h"
#include "core/die.h"
#include "core/sandbox.h"
#include "core/table.h"
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: pack [--threads N] [--data NAME] [--names DIR] DATA.conf SOURCE.src... RAW... OUT\n"
    "       pack --content SOURCE.src RAW\n"
    "       pack --describe [--names DIR] SOURCE.src RAW\n"
    "Reads one archive a SOURCE.src (as many RAW, in the same order), decodes, pairs and resizes its\n"
    "pictures and masks as DATA.conf says, checks counts and content, and writes one bag. The same\n"
    "files give the same bytes from any container and with any number of threads.\n"
    "\n"
    "  --threads N   default 2\n"
    "  --data NAME   the data set's name; default DATA. For a conf that serves any set\n"
    "  --names DIR   lists that sources name as `counts`; default convert/names, seen from here\n"
    "  --content     checks the archive and prints its content hash: sha256 over the sorted lines\n"
    "                `sha256(member) path`\n"
    "  --describe    checks the archive and prints the lines that pin it in its source, and how many\n"
    "                pictures and masks each folder holds: for a data set of your own\n"
    "  --help, --version\n"
    "\n"
    "example: pack convert/cvc.conf fetch/sources/cvc.src out/paper/raw/cvc cvc.bag\n";

static const struct option OPTIONS[] = {
    {"threads", required_argument, NULL, 't'}, {"data", required_argument, NULL, 'd'},
    {"names", required_argument, NULL, 'n'},   {"content", no_argument, NULL, 'c'},
    {"describe", no_argument, NULL, 's'},      {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},       {NULL, 0, NULL, 0},
};

static void allow_source(struct sandbox *box, const char *path, const char *raw) {
    struct source source;
    source_read(&source, path);
    char *passphrase = archive_passphrase(&source, raw);
    sandbox_read(box, path);
    sandbox_read(box, raw);
    if (passphrase) sandbox_read(box, passphrase);
    xfree(passphrase);
    source_free(&source);
}

/* Named here is all that is opened later. */
static void shut_in(const struct pack_job *job) {
    struct sandbox box;
    struct conf conf;
    conf_read(&conf, job->conf, job->data);
    sandbox_open(&box);
    sandbox_read(&box, job->conf);
    sandbox_read(&box, job->names);
    if (conf.group_table) sandbox_read(&box, conf.groups);
    for (int i = 0; i < job->sources; i++) allow_source(&box, job->source[i], job->raw[i]);
    sandbox_write(&box, job->out);
    sandbox_enter(&box);
    conf_free(&conf);
}

/* What is asked of one archive and goes to standard output. */
static void print(int what, const char *source, const char *raw, const char *names) {
    char content[65];
    struct sandbox box;
    sandbox_open(&box);
    sandbox_read(&box, names);
    allow_source(&box, source, raw);
    sandbox_enter(&box);
    if (what == 's') {
        pack_describe(source, raw, names);
        return;
    }
    pack_content(source, raw, content);
    puts(content);
}

/* A pack's name ends up in cells, so it is made of what they are made of. */
static const char *data_parse(const char *text) {
    if (!*text || text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789")])
        die_usage("--data %s: wanted lower-case letters and digits, as kvasir",
                  quoted(text));
    return text;
}

int main(int argc, char **argv) {
    struct pack_job job = {.threads = 2, .names = "convert/names"};
    int what = 0, option;
    die_name("pack");
    /* Pixels come and go by the megabyte: pages that went back to the kernel each time
     * would cost a fifth of the work. */
    mallopt(M_MMAP_THRESHOLD, 256 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive lets UTF-8 names through */
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 't':
            job.threads = (int)integer_option("threads", optarg, 1, 64);
            break;
        case 'd':
            job.data = data_parse(optarg);
            break;
        case 'n':
            job.names = optarg;
            break;
        case 'c':
        case 's':
            what = option;
            break;
        case 'h':
            fputs(HELP, stdout);
            return 0;
        case 'v':
            printf("repolyp pack 0.1\nsandbox: %s\n", sandbox_state());
            return 0;
        default:
            die_usage("unknown option, see pack --help");
        }
    }
    int n = argc - optind;
    char **arg = argv + optind;
    if (what && n != 2)
        die_usage("%d arguments, wanted SOURCE.src RAW; see pack --help", n);
    if (what) {
        print(what, arg[0], arg[1], job.names);
        return 0;
    }
    if (n < 4 || n % 2)
        die_usage(
            "%d arguments, wanted DATA.conf, SOURCE.src one or more, as many RAW, and OUT; see "
            "pack --help",
            n);
    job.conf = arg[0];
    job.sources = (n - 2) / 2;
    job.source = (const char *const *)arg + 1;
    job.raw = job.source + job.sources;
    job.out = arg[n - 1];
    shut_in(&job);
    pack_make(&job);
    return 0;
}
