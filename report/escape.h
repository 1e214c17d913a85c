/* escape.h - foreign text made harmless where it is printed. */
#ifndef REPORT_ESCAPE_H
#define REPORT_ESCAPE_H
#include "core/file.h"
/* For pandoc's Markdown: a backslash before every sign that could begin markup,
 * mathematics, raw TeX or HTML; inside a table's cell too. Control bytes become blanks.
 * Caller frees. */
char *escape_markdown(const char *text);
/* For LaTeX text. Bytes outside printable ASCII become "?". Caller frees. */
char *escape_latex(const char *text);
#endif
