/* convert_pickle_test.c - hostile pickles: each a few bytes in a good zip, each refused
 * with its reason. Models: picklescan's and fickling's corpora, CVE-2025-32434,
 * CVE-2026-24747, and the overflow and underflow reports to PyTorch (pull requests 181310
 * and 190888, issue 127525). */
#include "tests/test.h"
#include "tests/pickled.h"
#include "tests/torch_save.h"
#include "convert/checkpoint.h"
#include "core/die.h"
#include <string.h>

#define DICT(value) PROTO "}X\1\0\0\0a" value "s."

static void parse(void *arg) {
    const struct bytes *b = arg;
    struct checkpoint c;
    checkpoint_parse(&c, b->data, b->n, "hostile.pth");
    checkpoint_close(&c);
}

static void refused(struct bytes *b, const char *fragment) {
    assert_dies(EXIT_NO, fragment, parse, b);
    xfree(b->data);
}

static void refused_pickle(const void *pickle, size_t n, const char *fragment) {
    struct bytes b = torch_wrap(pickle, n);
    refused(&b, fragment);
}
#define REFUSED(pickle, fragment) refused_pickle(pickle, sizeof(pickle) - 1, fragment)

static void the_plain_form_of_each_hostile_file_is_accepted(void **state) {
    (void)state;
    struct bytes b = torch_wrap(DICT(GOOD), sizeof DICT(GOOD) - 1);
    struct checkpoint c;
    checkpoint_parse(&c, b.data, b.n, "good.pth");
    assert_int_equal(c.count, 1);
    assert_string_equal(c.tensor[0].name, "a");
    assert_int_equal(c.tensor[0].dim[0], 2);
    assert_true(((float *)c.tensor[0].data)[1] == -2);
    checkpoint_close(&c);
    xfree(b.data);
}

static void a_global_that_is_no_part_of_a_state_dict_is_refused_by_name(void **state) {
    (void)state;
    REFUSED(PROTO "cos\nsystem\n(X\2\0\0\0idtR.", "global 'os.system'");
    REFUSED(PROTO "cposix\nsystem\n(X\2\0\0\0idtR.", "global 'posix.system'");
    REFUSED(PROTO "cbuiltins\neval\n(X\1\0\0\0"
                  "1tR.",
            "global 'builtins.eval'");
    REFUSED(PROTO "cbuiltins\ngetattr\n(ctorch\nLongStorage\nX\1\0\0\0atR.",
            "global 'builtins.getattr'");
    REFUSED(PROTO "ctorch\nload\n.", "global 'torch.load'");
    REFUSED(PROTO "ccollections\nOrderedDict\0\n.",
            "global 'collections.OrderedDict\\x00'");
    REFUSED(PROTO "c\33[2J\n\33\n.", "\\x1b[2J");
    REFUSED(PROTO "cno end", "no end to a global's name");
}

static void what_is_called_is_a_known_constructor_with_its_own_arguments(void **state) {
    (void)state;
    REFUSED(DICT(GOOD ")R"), "REDUCE of what is no global");
    REFUSED(DICT("ctorch\nFloatStorage\n)R"), "REDUCE of a storage class");
    REFUSED(DICT("ccollections\nOrderedDict\nK\1\x85R"), "an OrderedDict with arguments");
    REFUSED(DICT("ctorch._utils\n_rebuild_tensor_v2\n)R"), "other than 6 arguments");
    REFUSED(DICT("ctorch._utils\n_rebuild_tensor_v2\n(NK\0))\x89" HOOKS "tR"),
            "no storage");
    REFUSED(DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE("K\2") "K\0))\x89}tR"),
            "hooks");
    REFUSED(DICT("ctorch._utils\n_rebuild_parameter\nNN}\x87R"), "a Parameter not of");
    REFUSED(PROTO "}}b.", "BUILD");
    REFUSED(PROTO HOOKS "}X\5\0\0\0hooksNsb.", "BUILD");
}

/* A storage's persistent id, and a tensor's six arguments, each wrong in one place. */
#define FLOATS "ctorch\nFloatStorage\n"
#define ID(word, class, key, place, size) DICT("(" word class key place size "tQ")
#define WORD "X\7\0\0\0storage"
#define KEY                                                                                \
    "X\1\0\0\0"                                                                            \
    "0"
#define PLACE "X\3\0\0\0cpu"
#define REBUILT(offset, size, stride, grad, hooks)                                         \
    DICT("ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE("K\2")                             \
             offset size stride grad hooks "tR")
#define PARAMETER(tensor, grad, hooks)                                                     \
    DICT("ctorch._utils\n_rebuild_parameter\n(" tensor grad hooks "tR")

static void each_argument_is_of_its_kind(void **state) {
    (void)state;
    REFUSED(DICT("NQ"), "a persistent id that is no storage's");
    REFUSED(DICT("(" WORD "tQ"), "a persistent id that is no storage's");
    REFUSED(ID("X\1\0\0\0s", FLOATS, KEY, PLACE, "K\2"), "a persistent id that is no");
    REFUSED(ID(WORD, "N", KEY, PLACE, "K\2"), "a storage of no known class");
    REFUSED(ID(WORD, "ccollections\nOrderedDict\n", KEY, PLACE, "K\2"), "no known class");
    REFUSED(ID(WORD, FLOATS, "N", PLACE, "K\2"), "a storage's key not of 1 to 9 digits");
    REFUSED(ID(WORD, FLOATS, "X\0\0\0\0", PLACE, "K\2"), "key not of 1 to 9 digits");
    REFUSED(ID(WORD, FLOATS,
               "X\n\0\0\0"
               "0123456789",
               PLACE, "K\2"),
            "key not of 1 to 9");
    REFUSED(ID(WORD, FLOATS, "X\1\0\0\0/", PLACE, "K\2"), "key not of 1 to 9 digits");
    REFUSED(ID(WORD, FLOATS, "X\1\0\0\0a", PLACE, "K\2"), "key not of 1 to 9 digits");
    REFUSED(ID(WORD, FLOATS, KEY, "N", "K\2"), "a storage's place that is no text");
    REFUSED(ID(WORD, FLOATS, KEY, PLACE, "N"), "a storage's size negative or no integer");
    REFUSED(ID(WORD, FLOATS, KEY, PLACE, "J\xff\xff\xff\xff"), "a storage's size negative");
    REFUSED(REBUILT("N", "K\2\x85", "K\1\x85", "\x89", HOOKS), "offset negative or no");
    REFUSED(REBUILT("J\xff\xff\xff\xff", "K\2\x85", "K\1\x85", "\x89", HOOKS),
            "offset negative");
    REFUSED(REBUILT("K\0", "K\2", "K\1\x85", "\x89", HOOKS),
            "not two tuples of one length");
    REFUSED(REBUILT("K\0", "K\2\x85", "K\1", "\x89", HOOKS),
            "not two tuples of one length");
    REFUSED(REBUILT("K\0", "K\2\x85", "K\1K\1\x86", "\x89", HOOKS),
            "two tuples of one length");
    REFUSED(REBUILT("K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                    "\x89", HOOKS),
            "a tensor of more than 8 dimensions");
    REFUSED(REBUILT("K\0", "K\2\x85", "K\1\x85", "N", HOOKS), "requires_grad no bool");
    REFUSED(REBUILT("K\0", "K\2\x85", "K\1\x85", "\x89", "N"), "a tensor with hooks");
    REFUSED(REBUILT("K\0", "K\2\x85", "K\1\x85", "\x89", "}"), "a tensor with hooks");
    REFUSED(REBUILT("K\0", "N\x85", "K\1\x85", "\x89", HOOKS), "size or stride negative");
    REFUSED(REBUILT("K\0", "K\2\x85", "N\x85", "\x89", HOOKS), "size or stride negative");
    REFUSED(REBUILT("K\0", "J\xff\xff\xff\xff\x85", "K\1\x85", "\x89", HOOKS),
            "stride negative");
    REFUSED(REBUILT("K\0", "K\2\x85", "J\xff\xff\xff\xff\x85", "\x89", HOOKS),
            "stride negative");
    REFUSED(REBUILT("K\0", "\x8a\5\0\0\0\0\1\x85", "K\1\x85", "\x89", HOOKS), "too large");
    REFUSED(PARAMETER("N", "\x88", HOOKS), "a Parameter not of (tensor, bool, no hooks)");
    REFUSED(PARAMETER(GOOD, "N", HOOKS), "a Parameter not of");
    REFUSED(PARAMETER(GOOD, "\x88", "}"), "a Parameter not of");
    REFUSED(PARAMETER(GOOD, "\x88", ""), "a Parameter not of");
}

static void items_go_into_dicts_and_lists_only(void **state) {
    (void)state;
    REFUSED(PROTO ")X\1\0\0\0aNs.", "items set on what is no dict");
    REFUSED(PROTO GOOD "X\1\0\0\0aNs.", "items set on what is no dict");
    REFUSED(PROTO GOOD "(X\1\0\0\0aNu.", "items set on what is no dict");
    REFUSED(PROTO "}Na.", "appended to what is no list");
    REFUSED(PROTO "}(Ne.", "appended to what is no list");
    REFUSED(PROTO "}(Nu.", "a key without value");
    REFUSED(PROTO "})Ns.", "a dict's key");
}

static void a_tensor_stays_inside_its_storage(void **state) {
    (void)state;
    REFUSED(DICT(TENSOR("K\3", "K\0", "K\3\x85", "K\1\x85")),
            "member 'data/0' has 8 bytes, wanted 12");
    REFUSED(DICT(TENSOR("K\2", "K\0", "K\3\x85", "K\1\x85")), "reaches past its storage");
    REFUSED(DICT(TENSOR("K\2", "K\1", "K\2\x85", "K\1\x85")), "reaches past its storage");
    REFUSED(DICT(TENSOR("K\2", "K\0", "K\2\x85", "K\2\x85")), "reaches past its storage");
    REFUSED(DICT(TENSOR("K\2", "J\377\377\377\377", "K\2\x85", "K\1\x85")),
            "offset negative");
    REFUSED(DICT(TENSOR("K\2", "K\0", "J\376\377\377\377\x85", "K\1\x85")),
            "size or stride negative");
    REFUSED(DICT(TENSOR("K\2", "K\1", "K\2\x85", "J\377\377\377\377\x85")),
            "size or stride negative");
    REFUSED(DICT(TENSOR("J\377\377\377\377", "K\0", "K\0\x85", "K\1\x85")),
            "size negative");
    REFUSED(DICT(TENSOR("K\2", "K\0", "K\2\x85", "K\1K\1\x86")),
            "not two tuples of one length");
    REFUSED(DICT(TENSOR("K\2", "K\0", "K\2K\2K\2\x87", ")")),
            "not two tuples of one length");
    REFUSED(DICT(TENSOR("K\2", "K\0", "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t",
                        "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t")),
            "more than 8 dimensions");
}

static void numbers_that_overflow_are_refused(void **state) {
    (void)state;
    /* 0x4000000000000001 floats: times 4 wraps to 4 */
    REFUSED(DICT(TENSOR("\x8a\10\1\0\0\0\0\0\0\x40", "K\0", "K\1\x85", "K\1\x85")),
            "overflows");
    REFUSED(DICT(TENSOR("K\2", "K\0", "K\3\x85", "\x8a\10\0\0\0\0\0\0\0\x40\x85")),
            "overflows");
    REFUSED(
        DICT(TENSOR("K\2", "K\0", "J\377\377\377\177J\377\377\377\177J\377\377\377\177\x87",
                    "K\0K\0K\0\x87")),
        "more elements than the file's");
    REFUSED(DICT(TENSOR("K\2", "K\0", "J\0\0\0\100\x85", "K\0\x85")),
            "more elements than the file's");
}

static void the_stack_and_the_memo_hold_what_was_put_there(void **state) {
    (void)state;
    REFUSED(PROTO "R.", "pickle byte 2: stack underflow");
    REFUSED(PROTO ")\x86.", "pickle byte 3: stack underflow");
    REFUSED(PROTO "}X\1\0\0\0aN(s.", "stack underflow"); /* not below a mark */
    REFUSED(PROTO "t.", "no mark");
    REFUSED(PROTO "}u.", "no mark");
    REFUSED(PROTO "h\5.", "a memo never set");
    REFUSED(PROTO "}q\0h\5.", "a memo never set");
    REFUSED(PROTO "j\377\377\377\377.", "a memo never set");
    REFUSED(PROTO ".", "a stack not of one value");
    REFUSED(PROTO "}}.", "a stack not of one value");
    REFUSED(PROTO "}(.", "a stack not of one value");
}

static void a_cut_or_doubled_pickle_is_refused(void **state) {
    (void)state;
    static const char whole[] = DICT(GOOD);
    for (size_t n = 0; n + 1 < sizeof whole; n++) refused_pickle(whole, n, "pickle");
    REFUSED(PROTO "}." PROTO "}.", "bytes after STOP");
    REFUSED(PROTO "}" PROTO ".", "a second one");
    REFUSED("}.", "no PROTO first");
    REFUSED("\x80\4\x95\377\377\377\377\0\0\0\0}.", "pickle protocol 4");
    REFUSED(PROTO "\x95\377\377\377\377\0\0\0\0}.", "opcode FRAME (0x95)");
    REFUSED(PROTO "\x8a\310.", "more than 8 bytes");
    REFUSED(PROTO "X\0\0\0\377", "more than 64 KiB");
    REFUSED(PROTO "X\377\0\0\0abc", "cut short");
    REFUSED(PROTO "I00\n.", "opcode INT");
    REFUSED(PROTO "(ios\nsystem\n.", "opcode INST");
    REFUSED(PROTO "(cos\nsystem\no.", "global 'os.system'");
}

static void budgets_end_what_would_grow(void **state) {
    (void)state;
    REFUSED(PROTO "]q\0h\0a.", "a container inside itself");
    REFUSED(PROTO "}q\0X\5\0\0\0modelh\0s.", "a container inside itself");
    struct bytes p = {0};
    bytes_add(&p, PROTO "]",
              3); /* a list of lists, each of them ten times the one before */
    for (int i = 0; i < 10; i++) {
        bytes_add(&p, "]", 1);
        for (int k = 0; i && k < 10; k++)
            bytes_add(&p, (uint8_t[]){'h', (uint8_t)(i - 1), 'a'}, 3);
        bytes_add(&p, (uint8_t[]){'q', (uint8_t)i, 'a'}, 3);
    }
    bytes_add(&p, ".", 1);
    refused_pickle(p.data, p.n, "more than 4,000,000 values");
    p.n = 0;
    bytes_add(&p, PROTO, 2);
    for (int i = 0; i < 70; i++) bytes_add(&p, "]", 1);
    for (int i = 0; i < 69; i++) bytes_add(&p, "a", 1);
    bytes_add(&p, ".", 1);
    refused_pickle(p.data, p.n, "more than 64 deep");
    p.n = 0;
    bytes_add(&p, PROTO, 2);
    for (int i = 0; i < 10001; i++) bytes_add(&p, "N", 1);
    refused_pickle(p.data, p.n, "10,000 values on the stack");
    p.n = 2;
    for (int i = 0; i < 10001; i++) bytes_add(&p, "(", 1);
    refused_pickle(p.data, p.n, "10,000 marks");
    p.n = 2;
    bytes_add(&p, "]", 1);
    for (int i = 0; i < 600000; i++) bytes_add(&p, "Na", 2);
    refused_pickle(p.data, p.n, "1,000,000 opcodes");
    p.n = 2;
    bytes_add(&p, "}r\240\206\1\0.", 7);
    refused_pickle(p.data, p.n, "memo place past 100,000");
    xfree(p.data);
}

static void a_file_without_a_dict_of_tensors_says_what_it_has(void **state) {
    (void)state;
    REFUSED(PROTO "].", "a list, wanted a dict of tensors");
    REFUSED(PROTO "}.", "a dict, wanted a dict of tensors");
    REFUSED(PROTO "}(X\5\0\0\0epochK\3X\3\0\0\0netK\4u.", "with the keys epoch net");
    REFUSED(PROTO "}(X\1\0\0\0a" GOOD "X\5\0\0\0epochK\3u.",
            "'epoch' is an integer, wanted tensors");
    REFUSED(PROTO "}(X\1\0\0\0a" GOOD "X\1\0\0\0a" GOOD "u.", "two tensors named 'a'");
    REFUSED(PROTO "}X\2\0\0\0a\n" GOOD "s.", "named 'a\\x0a'");
    REFUSED(PROTO "}K\1" GOOD "s.", "a tensor named 'an integer'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_plain_form_of_each_hostile_file_is_accepted),
        TEST(a_global_that_is_no_part_of_a_state_dict_is_refused_by_name),
        TEST(what_is_called_is_a_known_constructor_with_its_own_arguments),
        TEST(each_argument_is_of_its_kind),
        TEST(items_go_into_dicts_and_lists_only),
        TEST(a_tensor_stays_inside_its_storage),
        TEST(numbers_that_overflow_are_refused),
        TEST(the_stack_and_the_memo_hold_what_was_put_there),
        TEST(a_cut_or_doubled_pickle_is_refused),
        TEST(budgets_end_what_would_grow),
        TEST(a_file_without_a_dict_of_tensors_says_what_it_has),
    };
    return test_run(tests);
}
