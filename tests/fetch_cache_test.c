/* fetch_cache_test.c - what came over the net once, for every checkout; and who waits for
 * whom. */
#include "fetch/cache.h"
#include "tests/served.h"
#include "tests/test.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static void answer_whole(struct reply *r, int number, const char *head) {
    (void)number;
    served_send(r, "\"v1\"", served_from(head), BODY);
}
static struct stat stat_of(const char *path) {
    struct stat st;
    if (stat(path, &st)) fail_msg("%s: not there", path);
    return st;
}

/* sources/x.src as of `seconds` from now. */
static void dated_source(long seconds) {
    struct timespec times[2] = {{time(NULL) + seconds, 0}, {time(NULL) + seconds, 0}};
    file_write("sources/x.src", "", 0);
    assert_int_equal(utimensat(AT_FDCWD, "sources/x.src", times, 0), 0);
}

static char *entry_of(const char *folder, const void *bytes, size_t n) {
    char hex[65];
    sha_bytes(bytes, n, hex);
    return xprintf("%s/sha256/%s", folder, hex);
}

/* In a checkout of its own: out/raw is gone first. What was said: caller frees. */
static char *checkout(const char *text, int wanted) {
    int code;
    remove("out/raw");
    served_forget();
    char *said = served_said(text, &code);
    if (code != wanted) fail_msg("%d: \"%s\", wanted %d", code, said, wanted);
    return said;
}

/* One download into the folder `cache`; the source's text, the server runs on. */
static char *cached(struct https *server, const char *cache, const char *more) {
    served_fetch.cache = cache;
    char *text = served_start(server, answer_whole, more);
    dated_source(-100);
    xfree(checkout(text, 0));
    assert_int_equal(served_requests(), 1);
    assert_file("out/raw", served_body, BODY);
    return text;
}

static void end(struct https *server, char *text) {
    https_stop(server);
    served_fetch.cache = NULL;
    xfree(text);
}

static void another_checkout_asks_no_server(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", ""),
         *entry = entry_of("cache", served_body, BODY);
    assert_true(file_exists("cache/CACHEDIR.TAG"));
    assert_int_equal(stat_of(entry).st_ino, stat_of("out/raw").st_ino);
    assert_int_equal(stat_of(entry).st_mode & 0222, 0);
    char *said = checkout(text, 0);
    assert_non_null(strstr(said, "x: from the cache cache, sha256 "));
    assert_int_equal(served_requests(), 0);
    assert_file("out/raw", served_body, BODY);
    assert_int_equal(stat_of(entry).st_ino, stat_of("out/raw").st_ino);
    assert_int_equal(served_files(), 1);
    xfree(said);
    xfree(entry);
    end(&server, text);
}

static void what_is_the_caches_file_already_may_be_fetched_again(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", ""),
         *entry = entry_of("cache", served_body, BODY);
    served_one(text); /* out/raw stands there, a name of that file */
    assert_int_equal(served_requests(), 1);
    assert_int_equal(stat_of(entry).st_nlink, 2);
    assert_int_equal(served_files(), 1);
    xfree(entry);
    end(&server, text);
}

static void a_source_newer_than_the_cache_gets_a_file_newer_than_itself(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", ""),
         *entry = entry_of("cache", served_body, BODY);
    struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, entry, old, 0), 0);
    xfree(checkout(text, 0));
    assert_int_equal(served_requests(), 0);
    assert_file("out/raw", served_body, BODY);
    assert_true(stat_of("out/raw").st_mtime >= stat_of("sources/x.src").st_mtime);
    assert_int_not_equal(stat_of(entry).st_ino, stat_of("out/raw").st_ino);
    assert_int_equal(stat_of(entry).st_mtime, 1000000000);
    xfree(entry);
    end(&server, text);
}

static void a_damaged_file_is_thrown_away_and_fetched_again(void **state) {
    (void)state;
    for (int age = 0; age < 2; age++) { /* linked, and copied */
        struct https server;
        char *text = cached(&server, "cache", "");
        char *entry = entry_of("cache", served_body, BODY);
        served_body[5] ^= 1;
        assert_int_equal(chmod(entry, 0644), 0);
        FILE *f = fopen(entry, "r+");
        assert_int_equal(fwrite(served_body, 1, BODY, f), BODY);
        fclose(f);
        served_body[5] ^= 1;
        dated_source(age ? 100 : -100);
        char *said = checkout(text, 0);
        assert_non_null(strstr(said, ": damaged, its sha256 is "));
        assert_int_equal(served_requests(), 1);
        assert_file("out/raw", served_body, BODY);
        assert_file(entry, served_body, BODY);
        xfree(said);
        xfree(checkout(text, 0));
        assert_int_equal(served_requests(), 0);
        remove(entry);
        xfree(entry);
        end(&server, text);
    }
}

static void a_file_of_unknown_sum_is_known_by_its_pin_or_its_address(void **state) {
    (void)state;
    struct https server;
    served_fetch.cache = "cache";
    served_fetch.pins = "out/pins.tsv";
    char *text = served_start(&server, answer_whole, ""), *said;
    served_drop(text, "sha256 ");
    dated_source(-100);
    xfree(checkout(text, 0));
    xfree(checkout(text, 0)); /* by its pin */
    assert_int_equal(served_requests(), 0);
    remove("out/pins.tsv"); /* a fresh checkout: by its address */
    said = checkout(text, 0);
    assert_int_equal(served_requests(), 0);
    assert_non_null(strstr(said, "pinned what came"));
    xfree(said);
    /* Pinned otherwise: what the cache has is not the file, nor is what the server has. */
    file_write("out/pins.tsv", "name\tbytes\tsha256\nx\t1\tabc\n", 26);
    said = checkout(text, EXIT_NO);
    assert_non_null(strstr(said, "x: in the cache, but sha256 is "));
    assert_non_null(strstr(said, "wanted abc as pinned"));
    assert_int_equal(served_requests(), 1);
    xfree(said);
    served_fetch.pins = NULL;
    end(&server, text);
}

static void a_damaged_note_of_an_address_is_no_note(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", ""), hex[65];
    char *url = xprintf("https://localhost:%d/a.zip", server.port);
    sha_bytes(url, strlen(url), hex);
    char *note = xprintf("cache/url/%s", hex);
    served_drop(text, "sha256 ");
    static const char *const notes[] = {"", "sha256 0123\n", "sha256 xyz", "url x\n"};
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        file_write(note, notes[i], strlen(notes[i]));
        xfree(checkout(text, 0));
        assert_int_equal(served_requests(), 1);
    }
    uint8_t *much = xcalloc(100000, 1);
    file_write(note, much, 100000);
    xfree(checkout(text, 0));
    assert_int_equal(served_requests(), 1);
    xfree(much);
    xfree(note);
    xfree(url);
    end(&server, text);
}

static void what_is_wrong_is_not_kept(void **state) {
    (void)state;
    struct https server;
    served_fetch.cache = "cache";
    char *text = served_start(&server, answer_whole, "");
    dated_source(-100);
    *strstr(text, "sha256 ") = '#';
    char *wrong = xprintf("%ssha256 %064d\n", text, 7);
    xfree(checkout(wrong, EXIT_NO));
    assert_false(file_exists("cache/sha256"));
    assert_false(file_exists("cache/url"));
    xfree(wrong);
    end(&server, text);
}

static void what_is_on_this_machine_already_does_not_go_there(void **state) {
    (void)state;
    const char *mirror[] = {"m"};
    served_fetch.cache = "cache";
    file_write("m/a.zip", "PK\3\4 this", 9);
    file_write("sources/b.zip", "PK\3\4 that", 9);
    served_fetch.mirror = mirror;
    served_fetch.mirrors = 1;
    xfree(checkout("name x\nkind data\nfile a.zip\nurl https://localhost:1/a.zip\n", 0));
    served_fetch.mirrors = 0;
    xfree(checkout("name x\nkind data\nfile a.zip\nurl file:b.zip\n", 0));
    assert_false(file_exists("cache"));
    served_fetch.cache = NULL;
}

static void a_part_that_the_cache_makes_needless_goes(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", "");
    file_write("out/.raw.part", "PK\3\4", 4);
    file_write("out/.raw.tag", "total 9\n", 8);
    xfree(checkout(text, 0));
    assert_int_equal(served_files(), 1);
    end(&server, text);
}

/* Killed between the cache and the name, the part is the cache's file: never written to. */
static void a_part_that_is_shared_is_left_alone(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", ""),
         *entry = entry_of("cache", served_body, BODY);
    assert_int_equal(rename("out/raw", "out/.raw.part"), 0);
    served_fetch.cache = NULL;
    xfree(checkout(text, 0));
    assert_int_equal(served_requests(), 1);
    assert_int_not_equal(stat_of(entry).st_ino, stat_of("out/raw").st_ino);
    assert_file(entry, served_body, BODY);
    xfree(entry);
    end(&server, text);
}

static void a_cache_on_another_disk_gets_a_copy(void **state) {
    (void)state;
    char folder[] = "/dev/shm/repolyp-test-XXXXXX";
    if (stat_of("/dev/shm").st_dev == stat_of(".").st_dev || !mkdtemp(folder)) skip();
    struct https server;
    char *cache = file_join(folder, "cache"), *text = cached(&server, cache, "");
    char *entry = entry_of(cache, served_body, BODY);
    assert_file(entry, served_body, BODY);
    assert_int_equal(stat_of(entry).st_mode & 0222, 0);
    assert_int_not_equal(stat_of("out/raw").st_mode & 0200, 0);
    xfree(checkout(text, 0));
    assert_int_equal(served_requests(), 0);
    assert_file("out/raw", served_body, BODY);
    nftw(folder, test_unlink, 16, FTW_DEPTH | FTW_PHYS);
    xfree(entry);
    xfree(cache);
    end(&server, text);
}

/* The exit code of fn(arg) in a child without privileges. */
static int as_nobody(void (*fn)(void *), void *arg) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    if (!child) {
        char message[4096];
        if (!geteuid() && setresuid(65534, 65534, 65534)) _exit(99);
        served_exit(die_catch(fn, arg, message, sizeof message));
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_cache_that_may_only_be_read_is_read(void **state) {
    (void)state;
    struct https server;
    char *text = cached(&server, "cache", "");
    remove("out/raw");
    served_forget();
    assert_int_equal(chmod(".", 0755) | chmod("out", 0777) | chmod("cache", 0555), 0);
    assert_int_equal(as_nobody(served_one, text), 0);
    assert_int_equal(served_requests(), 0);
    assert_file("out/raw", served_body, BODY);
    /* What is damaged there stays, and is not taken. */
    char *entry = entry_of("cache", served_body, BODY);
    assert_int_equal(chmod(entry, 0644) | truncate(entry, 100) | chmod(entry, 0444), 0);
    remove("out/raw");
    assert_int_equal(as_nobody(served_one, text), 0);
    assert_file("out/raw", served_body, BODY);
    assert_int_equal(file_size(entry), 100);
    /* What it has not is fetched, and kept nowhere. */
    assert_int_equal(chmod("cache", 0755), 0);
    remove(entry);
    remove("out/raw");
    assert_int_equal(chmod("cache", 0555), 0);
    assert_int_equal(as_nobody(served_one, text), 0);
    assert_file("out/raw", served_body, BODY);
    assert_false(file_exists(entry));
    assert_int_equal(chmod("cache", 0755), 0);
    xfree(entry);
    end(&server, text);
}

static void the_folder_is_named_by_the_environment(void **state) {
    (void)state;
    static const char *const cases[][4] = {/* REPOLYP_CACHE, XDG_CACHE_HOME, HOME, folder */
                                           {"own", "/xdg", "/home", "own"},
                                           {"", "/xdg", "/home", NULL},
                                           {NULL, "/xdg", "/home", "/xdg/repolyp"},
                                           {NULL, "xdg", "/home", "/home/.cache/repolyp"},
                                           {NULL, "", "/home", "/home/.cache/repolyp"},
                                           {NULL, NULL, "", NULL},
                                           {NULL, NULL, NULL, NULL}};
    static const char *const names[] = {"REPOLYP_CACHE", "XDG_CACHE_HOME", "HOME"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int j = 0; j < 3; j++)
            if (cases[i][j])
                setenv(names[j], cases[i][j], 1);
            else
                unsetenv(names[j]);
        char *folder = cache_folder();
        if (cases[i][3])
            assert_string_equal(folder, cases[i][3]);
        else
            assert_null(folder);
        xfree(folder);
    }
}

static void what_would_be_done_is_told_without_doing_it(void **state) {
    (void)state;
    struct https server;
    struct source s;
    const char *mirror[] = {"https://localhost:1", "m"};
    char *text = cached(&server, "cache", "manual ask the keeper\n"), *line;
    source_parse(&s, text, strlen(text), "sources/x.src");
    line = fetch_look(&served_fetch, &s);
    assert_string_equal(line, "x\tpresent\tout/raw");
    xfree(line);
    remove("out/raw");
    char *entry = entry_of("cache", served_body, BODY);
    char *wanted = xprintf("x\tcached\t%s", entry);
    line = fetch_look(&served_fetch, &s);
    assert_string_equal(line, wanted);
    xfree(line);
    xfree(wanted);
    remove(entry);
    wanted = xprintf("x\tfetchable\thttps://localhost:%d/a.zip", server.port);
    line = fetch_look(&served_fetch, &s);
    assert_string_equal(line, wanted);
    xfree(line);
    served_fetch.offline = 1;
    line = fetch_look(&served_fetch, &s);
    served_fetch.offline = 0;
    assert_string_equal(line, "x\tmanual\task the keeper");
    xfree(line);
    file_write("m/a.zip", "", 0);
    served_fetch.mirror = mirror;
    served_fetch.mirrors = 2;
    line = fetch_look(&served_fetch, &s);
    served_fetch.mirrors = 0;
    assert_string_equal(line, "x\tmirror\tm/a.zip");
    xfree(line);
    xfree(wanted);
    xfree(entry);
    source_free(&s);
    end(&server, text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(another_checkout_asks_no_server),
        TEST(what_is_the_caches_file_already_may_be_fetched_again),
        TEST(a_source_newer_than_the_cache_gets_a_file_newer_than_itself),
        TEST(a_damaged_file_is_thrown_away_and_fetched_again),
        TEST(a_file_of_unknown_sum_is_known_by_its_pin_or_its_address),
        TEST(a_damaged_note_of_an_address_is_no_note),
        TEST(what_is_wrong_is_not_kept),
        TEST(what_is_on_this_machine_already_does_not_go_there),
        TEST(a_part_that_the_cache_makes_needless_goes),
        TEST(a_part_that_is_shared_is_left_alone),
        TEST(a_cache_on_another_disk_gets_a_copy),
        TEST(a_cache_that_may_only_be_read_is_read),
        TEST(the_folder_is_named_by_the_environment),
        TEST(what_would_be_done_is_told_without_doing_it),
    };
    return test_run(tests);
}
