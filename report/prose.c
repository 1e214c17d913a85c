/* prose.c - finds numbers typed by hand: a decimal point (or comma) with digits about it.
 */
#include "report/weave.h"
#include <ctype.h>

static size_t digits(const char *s, size_t i, size_t n) {
    size_t k = i;
    while (k < n && isdigit((unsigned char)s[k])) k++;
    return k - i;
}

/* A decimal is a number of its own: not the end of a word (v1.5, R50.2), not behind another
 * digit. A comma divides thousands if just three digits follow; "0,823" is a decimal all
 * the same: no number with thousands begins with 0. */
size_t prose_decimal(const char *s, size_t i, size_t n) {
    if (i > 0 && (isalnum((unsigned char)s[i - 1]) || s[i - 1] == '_' || s[i - 1] == '.'))
        return 0;
    if (i > 1 && s[i - 1] == ',' && isdigit((unsigned char)s[i - 2])) return 0;
    size_t whole = digits(s, i, n), k = i + whole;
    while (whole && k < n && s[k] == ',' && digits(s, k + 1, n) == 3 && s[i] != '0') k += 4;
    if (k >= n || (s[k] != '.' && !(s[k] == ',' && whole))) return 0;
    size_t part = digits(s, k + 1, n);
    return part ? k + 1 + part - i : 0;
}
