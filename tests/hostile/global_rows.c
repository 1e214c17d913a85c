/* global_rows.c - pickles that name what runs code, in every way a pickle can name it. What
 * picklescan's and fickling's corpora hold, made here; and names nobody ever heard of,
 * which must be refused by the same rule: none of them is known by its name. */
#include "core/die.h"
#include "tests/hostile/hostile.h"
#include <stdio.h>
#include <string.h>

static void text(struct bytes *b, const char *word) { /* BINUNICODE */
    put(b, "X");
    bytes_u32(b, (uint32_t)strlen(word));
    put(b, word);
}

static void line(struct bytes *b, const char *op, const char *module, const char *name) {
    put(b, op), put(b, module), put(b, "\n"), put(b, name), put(b, "\n");
}

/* The ways. All but the first are opcodes no state dict needs. */
enum way {
    GLOBAL,
    INST,
    STACK,
    MEMO,
    OBJECT,
    NEW,
    NEW_EX,
    EXTENSION,
    OLD_TEXT,
    BYTES,
    WAYS
};
static const char *const refused_as[WAYS] = {
    NULL, "opcode INST", "opcode STACK_GLOBAL", "opcode MEMOIZE", NULL,
    NULL, NULL,          "opcode EXT1",         "opcode UNICODE", "opcode BINBYTES"};

static void name_it(struct stage *s, enum way way, const char *module, const char *name) {
    struct bytes *b = &s->hostile;
    put(b, "\x80\2");
    switch (way) {
    case GLOBAL: /* called */
        line(b, "c", module, name), put(b, "("), text(b, draw_word(s)), put(b, "tR.");
        break;
    case INST:
        put(b, "("), text(b, draw_word(s)), line(b, "i", module, name), put(b, ".");
        break;
    case STACK:
        text(b, module), text(b, name), put(b, "\x93.");
        break;
    case MEMO: /* the words fetched from elsewhere */
        text(b, module), put(b, "\x94"), text(b, name), put(b, "\x94\x93.");
        break;
    case OBJECT:
        put(b, "("), line(b, "c", module, name), text(b, draw_word(s)), put(b, "o.");
        break;
    case NEW:
        line(b, "c", module, name), put(b, ")\x81.");
        break;
    case NEW_EX:
        line(b, "c", module, name), put(b, ")}\x92.");
        break;
    case EXTENSION:
        bytes_add(b, "\x82", 1), bytes_add(b, (uint8_t[]){(uint8_t)draw(s, 256)}, 1),
            put(b, ".");
        break;
    case OLD_TEXT:
        put(b, "V"), put(b, module), put(b, "\n");
        break;
    default:
        put(b, "B"), bytes_u32(b, 4), put(b, "abcd.");
    }
}

/* "module name", called; the message must name both. */
static void called(struct stage *s, const char *arg) {
    char module[120];
    const char *blank = strchr(arg, ' ');
    snprintf(module, sizeof module, "%.*s", (int)(blank - arg), arg);
    name_it(s, GLOBAL, module, blank + 1);
    snprintf(s->fragment, sizeof s->fragment, "global '%s.%s'", module, blank + 1);
}

/* The same in a drawn way. */
static void otherwise(struct stage *s, const char *arg) {
    char module[120];
    const char *blank = strchr(arg, ' ');
    enum way way = (enum way)draw_between(s, 1, WAYS - 1);
    snprintf(module, sizeof module, "%.*s", (int)(blank - arg), arg);
    name_it(s, way, module, blank + 1);
    if (refused_as[way])
        snprintf(s->fragment, sizeof s->fragment, "%s", refused_as[way]);
    else
        snprintf(s->fragment, sizeof s->fragment, "global '%s.%s'", module, blank + 1);
}

/* A name that means nothing. */
static void invented(struct stage *s, const char *arg) {
    char name[64];
    snprintf(name, sizeof name, "%s.%s %s", draw_word(s), draw_word(s), draw_word(s));
    if (*arg == 'c')
        called(s, name);
    else
        otherwise(s, name);
}

/* A chain: getattr of a class that is allowed, then a call of what it gives. */
static void chain(struct stage *s, const char *arg) {
    struct bytes *b = &s->hostile;
    put(b, "\x80\2");
    line(b, "c", arg, "getattr"), put(b, "(");
    line(b, "c", "torch", "FloatStorage"), text(b, draw_word(s)), put(b, "tR)R.");
    snprintf(s->fragment, sizeof s->fragment, "global '%s.getattr'", arg);
}

/* A good global's name with a byte more: no prefix, no comparing up to a zero. */
static void nearly(struct stage *s, const char *arg) {
    struct bytes *b = &s->hostile;
    (void)draw(s, 2);
    put(b, "\x80\2");
    if (*arg == 'z') bytes_add(b, "ccollections\nOrderedDict\0\n.", 27);
    if (*arg == 'l') put(b, "ccollections\nordereddict\n.");
    if (*arg == 'b') put(b, "ccollections \nOrderedDict\n.");
    if (*arg == 'd') put(b, "ccollections.OrderedDict\nfromkeys\n.");
    if (*arg == 'e') put(b, "c\33[2J\n\33]0;\n.");
}

#define G(global)                                                                          \
    {24, "a pickle that calls " global, PICKLE, EXIT_NO, "", called, global}, {            \
        24, "a pickle that names in another way " global, PICKLE, EXIT_NO, "", otherwise,  \
            global                                                                         \
    }
static const struct row rows[] = {
    G("os system"),
    G("posix system"),
    G("nt system"),
    G("os popen"),
    G("os execv"),
    G("subprocess Popen"),
    G("subprocess check_output"),
    G("_posixsubprocess fork_exec"),
    G("builtins eval"),
    G("builtins exec"),
    G("builtins compile"),
    G("builtins open"),
    G("builtins getattr"),
    G("builtins __import__"),
    G("builtins breakpoint"),
    G("__builtin__ eval"),
    G("__builtin__ apply"),
    G("commands getoutput"),
    G("runpy _run_code"),
    G("runpy run_path"),
    G("importlib import_module"),
    G("pty spawn"),
    G("pdb run"),
    G("bdb Bdb.run"),
    G("timeit timeit"),
    G("cProfile runctx"),
    G("profile Profile.run"),
    G("trace Trace.run"),
    G("code InteractiveInterpreter.runcode"),
    G("codeop compile_command"),
    G("doctest debug_script"),
    G("pydoc pipepager"),
    G("webbrowser open"),
    G("shutil rmtree"),
    G("socket create_connection"),
    G("ssl get_server_certificate"),
    G("http.client HTTPSConnection"),
    G("httplib HTTPSConnection"),
    G("urllib.request urlopen"),
    G("requests.api get"),
    G("aiohttp.client ClientSession"),
    G("asyncio.unix_events _UnixSubprocessTransport._start"),
    G("pip main"),
    G("ensurepip _run_pip"),
    G("venv create"),
    G("distutils.file_util write_file"),
    G("ctypes CDLL"),
    G("functools partial"),
    G("operator attrgetter"),
    G("operator methodcaller"),
    G("pickle loads"),
    G("_pickle loads"),
    G("marshal loads"),
    G("types FunctionType"),
    G("sys modules"),
    G("sys settrace"),
    G("logging.config fileConfig"),
    G("idlelib.run Executive.runcode"),
    G("idlelib.pyshell ModifiedInterpreter.runcommand"),
    G("lib2to3.pgen2.grammar Grammar.loads"),
    G("linecache updatecache"),
    G("numpy load"),
    G("numpy.f2py.crackfortran getlincoef"),
    G("numpy.testing._private.utils runstring"),
    G("numpy.core.multiarray _reconstruct"),
    G("torch load"),
    G("torch.serialization load"),
    G("torch.jit load"),
    G("torch.hub load"),
    G("torch._dynamo.guards GuardBuilder.get"),
    G("torch._inductor.codecache compile_file"),
    G("torch.fx.experimental.symbolic_shapes ShapeEnv.evaluate_guards_expression"),
    G("torch.jit.unsupported_tensor_ops execWrapper"),
    G("torch.utils.collect_env run"),
    G("torch.utils._config_module ConfigModule.load_config"),
    G("torch.utils.bottleneck.__main__ run_cprofile"),
    G("torch.utils.data.datapipes.utils.decoder basichandlers"),
    G("torch._utils _rebuild_tensor"),
    G("torch UntypedStorage"),
    G("collections Counter"),
    {24, "a pickle that calls a name nobody knows", PICKLE, EXIT_NO, "", invented, "c"},
    {24, "a pickle that names what nobody knows", PICKLE, EXIT_NO, "", invented, "o"},
    {25, "a pickle with a chain of getattr", PICKLE, EXIT_NO, "", chain, "builtins"},
    {25, "a pickle with an old chain of getattr", PICKLE, EXIT_NO, "", chain,
     "__builtin__"},
    {25, "a good name with a zero byte", PICKLE, EXIT_NO,
     "global 'collections.OrderedDict\\x00'", nearly, "z"},
    {25, "a good name in small letters", PICKLE, EXIT_NO,
     "global 'collections.ordereddict'", nearly, "l"},
    {25, "a good name with a blank", PICKLE, EXIT_NO, "global 'collections .OrderedDict'",
     nearly, "b"},
    {25, "a method of a good name", PICKLE, EXIT_NO,
     "global 'collections.OrderedDict.fromkeys'", nearly, "d"},
    {25, "a name that a terminal obeys", PICKLE, EXIT_NO, "global '\\x1b[2J.\\x1b]0;'",
     nearly, "e"},
};
const struct rows global_rows = {"globals", rows, sizeof rows / sizeof *rows};
