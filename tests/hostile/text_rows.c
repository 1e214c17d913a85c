/* text_rows.c - text that hides bytes, numbers that are none, and text that would be obeyed
 * where it is set: by LaTeX, by HTML, by a terminal. */
#include "core/die.h"
#include "tests/hostile/hostile.h"
#include <stdio.h>
#include <string.h>

/* ---- .src ---- */

static const char good[] =
    "name x\nkind data\nfile x.zip\nurl file:x.zip\nbytes 13\nformat pairs i/*.png | m/*.png\n";

/* A line behind a good source. */
static void line(struct stage *s, const char *arg) {
    char *text = draw_text(s, arg);
    put(&s->hostile, good), put(&s->hostile, text), put(&s->hostile, "\n");
    xfree(text);
}

/* Another end of lines, or something in front. */
static void form(struct stage *s, const char *arg) {
    if (*arg == 'b') put(&s->hostile, "\xef\xbb\xbf");
    for (const char *at = good; *at; at++) {
        if (*at == '\n' && *arg == 'r') put(&s->hostile, "\r");
        bytes_add(&s->hostile, at, 1);
    }
    if (*arg == 'z') bytes_add(&s->hostile, "terms a\0b\n", 10);
    if (*arg == 'c') s->hostile.n -= 1 + draw(s, 20);
    if (*arg == 'l') /* two megabytes of comment */
        for (int i = 0; i < 1 << 15; i++)
            put(&s->hostile,
                "# and so on, and so on, and so on, and so on, and so on, and on\n");
}

/* ---- results.tsv ---- */

static const char head[] = "key\tstatus\tvalue\tn\tsd_seed\tlo\thi\tmethod\tp\tp_holm\t"
                           "min_p\tpublished\treason\tsources\n";

/* One row of a cell: "VALUE|PUBLISHED"; % as above. */
static void number(struct stage *s, const char *arg) {
    char *text = draw_text(s, arg), *bar = strchr(text, '|');
    *bar = 0;
    put(&s->hostile, head);
    for (int i = 0; i < 2; i++) {
        char *row =
            xprintf("main/vits-imagenet-cvc/random/%s\tok\t%s\t8\tna\tna\tna\tna\tna\t"
                    "na\tna\t%s\tna\tna\n",
                    i ? "iou" : "dice", text, bar + 1);
        put(&s->hostile, row);
        xfree(row);
    }
    xfree(text);
}

/* A cell that was not run, for a reason that would like to be obeyed. It must not come out
 * as it is. */
static void reason(struct stage *s, const char *arg) {
    char *text = draw_text(s, arg);
    put(&s->hostile, head);
    for (int i = 0; i < 2; i++) {
        char *row =
            xprintf("main/vits-imagenet-cvc/random/%s\tnot-run\tna\tna\tna\tna\tna\t"
                    "na\tna\tna\tna\tna\t%s\tna\n",
                    i ? "iou" : "dice", text);
        put(&s->hostile, row);
        xfree(row);
    }
    put(&s->twin, text);
    xfree(text);
}

static void table(struct stage *s, const char *arg) {
    char *text = draw_text(s, arg);
    put(&s->hostile, head), put(&s->hostile, text);
    xfree(text);
}

/* ---- paper.md ---- */

static void paper(struct stage *s, const char *arg) {
    char *text = draw_text(s, arg);
    put(&s->hostile, "# A paper\n\n"), put(&s->hostile, text), put(&s->hostile, "\n");
    xfree(text);
}

#define NO EXIT_NO
#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
static const struct row rows[] = {
    {0, "a source with CR LF", SOURCE, NO, "a carriage return", form, "r"},
    {0, "a source with a byte order mark", SOURCE, NO, "byte order mark", form, "b"},
    {0, "a source with a zero byte", SOURCE, NO, "control byte 0x00", form, "z"},
    {0, "a source cut short", SOURCE, NO, "the last line has no end", form, "c"},
    {0, "a source of two megabytes", SOURCE, NO, "wanted at most", form, "l"},
    {0, "a source with an unknown key", SOURCE, NO, "unknown key", line, "%x y"},
    {0, "a source with a key twice", SOURCE, NO, "key bytes stands already in line 5", line,
     "bytes 14"},
    {0, "a source with a sha256 of 63 digits", SOURCE, NO, "has 63 digits, wanted 64", line,
     "sha256 000000000000000000000000000000000000000000000000000000000000000"},
    {0, "a source with a sha256 in capitals", SOURCE, NO, "wanted lower-case hex digits",
     line, "sha256 ABCDEF0000000000000000000000000000000000000000000000000000000000"},
    {0, "a source with a sha256 of words", SOURCE, NO, "hex digits, or unknown", line,
     "sha256 %"},
    {0, "a source whose file climbs out", SOURCE, NO, "wanted a file name without '..'",
     line, "file ../../%"},
    {0, "a source whose file is elsewhere", SOURCE, NO, "wanted a file name alone", line,
     "file /etc/%"},
    {0, "a source whose passphrase is elsewhere", SOURCE, NO, "wanted a file name alone",
     line, "passphrase_file /etc/shadow"},
    {0, "a source whose address climbs out", SOURCE, NO, "wanted a path without '..'", line,
     "url file:../../%"},
    {0, "a source with an address in the clear", SOURCE, NO,
     "wanted https://... or file:...", line, "url http://%.org/x"},
    {0, "a source with an address of a program", SOURCE, NO,
     "wanted https://... or file:...", line, "url |%"},
    {0, "a source with a blank in its address", SOURCE, NO, "wanted no blank in it", line,
     "url https://%.org/% %"},
    {0, "a source with a size in scientific notation", SOURCE, NO, "wanted a whole number",
     line, "unpacked 1e6"},
    {0, "a source with a negative size", SOURCE, NO, "wanted a whole number", line,
     "unpacked -1"},
    {0, "a source with a size past 2^63", SOURCE, NO, "wanted a whole number", line,
     "unpacked 9223372036854775808"},
    {0, "a source with a terminal's escape", SOURCE, NO, "control byte 0x1b", line,
     "terms \x1b[2J%"},
    {0, "a source that is not UTF-8", SOURCE, NO, "is not UTF-8", line, "terms %\xff"},
    {0, "a source with an unknown container", SOURCE, NO, "wanted words of", line,
     "magic pdf"},
    {0, "a source of data with weights' lines", SOURCE, NO, "wanted no such line", line,
     "mean 0 0 0"},
    {0, "a table with a tab in a name", RESULTS, NO, "more than 14 cells", table,
     "main/%\t%/random/dice\tok\t0.5\t8\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\n"},
    {0, "a table with a row too short", RESULTS, NO, "wanted 14", table,
     "main/%/random/dice\tok\n"},
    {0, "a table with a key of three parts", RESULTS, NO, "raw:2", table,
     "main/%/dice\tok\t0.5\t8\tna\tna\tna\tna\tna\tna\tna\tna\tna\tna\n"},
    {0, "a table with 1e309", RESULTS, NO, "'1e309'", number, "1e309|na"},
    {0, "a table with a decimal comma", RESULTS, NO, "'0,5'", number, "0,5|na"},
    {0, "a table with a number in hex", RESULTS, NO, "'0x1p3'", number, "0x1p3|na"},
    {0, "a table with nan", RESULTS, NO, "'nan'", number, "nan|na"},
    {0, "a table with an infinity", RESULTS, NO, "'inf'", number, "inf|na"},
    {0, "a table with no number where one is", RESULTS, NO, "raw:2", number, "|na"},
    {0, "a published number that LaTeX would obey", RESULTS, NO, "raw:2", number,
     "0.5|\\input{/etc/%}"},
    {0, "a reason that LaTeX would obey", RESULTS, 0,
     "\\textbackslash{}input\\{/etc/passwd\\}", reason, "ask \\input{/etc/passwd}"},
    {0, "a reason that starts a program in LaTeX", RESULTS, 0,
     "\\textbackslash{}write18\\{", reason, "\\write18{%}"},
    {0, "a reason that ends the paper in LaTeX", RESULTS, 0,
     "\\textbackslash{}end\\{document\\}", reason, "\\end{document}"},
    {0, "a reason that opens mathematics in LaTeX", RESULTS, 0, "\\$", reason, "$%$"},
    {0, "a reason that HTML would obey", RESULTS_MD, 0, "\\<script\\>", reason,
     "<script>%</script>"},
    {0, "a reason that links elsewhere", RESULTS_MD, 0, "\\!\\[x\\](https", reason,
     "![x](https://%.org/%)"},
    {0, "a reason of raw LaTeX in Markdown", RESULTS_MD, 0, "\\\\input\\{", reason,
     "\\input{/etc/passwd}"},
    {0, "a paper with braces that never close", PAPER, NO, "'{{' without '}}' on its line",
     paper, "{{% dice"},
    {0, "a paper that closes on the next line", PAPER, NO, "'{{' without '}}' on its line",
     paper, "{{%\n}}"},
    {0, "a paper that includes what lies above", PAPER, NO, "wanted a name inside", paper,
     "{{include ../%}}"},
    {0, "a paper that includes a file of the system", PAPER, NO, "wanted a name inside",
     paper, "{{include /etc/passwd}}"},
    {0, "a paper that quotes a file of the system", PAPER, NO, "wanted a name inside",
     paper, "{{code /etc/passwd root}}"},
    {0, "a paper with a figure of the system", PAPER, NO, "wanted a name inside", paper,
     "![%](/etc/passwd)"},
    {0, "a paper with a row nobody measured", PAPER, NO, "no row 'main/", paper,
     "{{%-%-% dice}}"},
    {0, "a paper with a typed number", PAPER, NO, "typed number '0.", paper,
     "Dice is 0.9, %."},
    {0, "a paper with a terminal's escape", PAPER, NO, "raw:", paper, "\x1b]0;%\x07"},
    {0, "a paper that is not UTF-8", PAPER, NO, "raw:", paper, "%\xc0\xaf%"},
    {0, "a claim of nothing", PAPER, NO, "raw:3", paper, "{{claim}}"},
    {0, "a claim with a program in it", PAPER, NO, "raw:3", paper, "{{claim % = `%`}}"},
};
const struct rows text_rows = {"texts", rows, sizeof rows / sizeof *rows};
