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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
    "usage: pack [--threads N] DATA.conf SOURCE.src... RAW... OUT\n"
    "       pack --content SOURCE.src RAW\n"
    "Reads one archive a SOURCE.src (as many RAW, in the same order), decodes, pairs and resizes its\n"
    "pictures and masks as DATA.conf says, checks counts and content, and writes one bag. The same\n"
    "files give the same bytes from any container and with any number of threads.\n"
    "\n"
    "  --threads N   default 2\n"
    "  --content     checks the archive and prints its content hash: sha256 over the sorted lines\n"
    "                `sha256(member) path`\n"
    "  --help, --version\n"
    "\n"
    "example: pack convert/sun.conf sun-frames.src sun-masks.src frames.zip masks.zip sun.bag\n";

static const struct option OPTIONS[] = {
    {"threads", required_argument, NULL, 't'},
    {"content", no_argument, NULL, 'c'},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'v'},
    {NULL, 0, NULL, 0},
};

static int threads_parse(const char *text) {
    long n;
    if (!integer_parse(text, &n) || n < 1 || n > 64)
        die_usage("--threads %s: wanted a whole number from 1 to 64", quoted(text));
    return (int)n;
}

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
    conf_read(&conf, job->conf);
    sandbox_open(&box);
    sandbox_read(&box, job->conf);
    if (conf.group_table) sandbox_read(&box, conf.groups);
    for (int i = 0; i < job->sources; i++) allow_source(&box, job->source[i], job->raw[i]);
    sandbox_write(&box, job->out);
    sandbox_enter(&box);
    conf_free(&conf);
}

static void print_content(int n, char **arg) {
    char content[65];
    struct sandbox box;
    if (n != 2)
        die_usage("--content: %d arguments, wanted SOURCE.src RAW; see pack --help", n);
    sandbox_open(&box);
    allow_source(&box, arg[0], arg[1]);
    sandbox_enter(&box);
    pack_content(arg[0], arg[1], content);
    puts(content);
    if (fflush(stdout) || ferror(stdout)) die_world("standard output: cannot be written");
}

int main(int argc, char **argv) {
    struct pack_job job = {.threads = 2};
    int content = 0, option;
    die_name("pack");
    setlocale(LC_CTYPE, "C.UTF-8"); /* so that libarchive lets UTF-8 names through */
    while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
        switch (option) {
        case 't':
            job.threads = threads_parse(optarg);
            break;
        case 'c':
            content = 1;
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
    if (content) {
        print_content(n, arg);
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
