/* fusions.c - see fusions.h. */
#include "model/fusions.h"
#include "core/die.h"
#include "model/plan.h"
#include <string.h>

static int known(const struct kernels *k, const char *name, size_t n) {
    for (int i = 0; i < k->fusions; i++)
        if (strlen(k->fusion[i].name) == n && memcmp(k->fusion[i].name, name, n) == 0)
            return 1;
    return n == 3 && memcmp(name, "all", n) == 0;
}

static char *names_of(const struct kernels *k) {
    char *names = xstrdup("all");
    for (int i = 0; i < k->fusions; i++) {
        char *more = xprintf("%s %s", names, k->fusion[i].name);
        xfree(names);
        names = more;
    }
    return names;
}

void fusions_check(const struct backend *b, const char *list) {
    const struct kernels *k = b->kernels;
    for (const char *at = list; k && at;) {
        const size_t n = strcspn(at, ",");
        if (!known(k, at, n)) {
            char *name = xprintf("%.*s", (int)n, at), *names = names_of(k);
            die_usage("fusions off: found '%s', which %s does not know; wanted some of: %s",
                      quoted(name), b->name, names);
        }
        at = at[n] ? at + n + 1 : NULL;
    }
}

static int runs_of(const struct plan *p, const struct fusion *f) {
    int runs = 0;
    for (int i = 0; i < p->steps; i++) runs += p->step[i].fusion == f;
    return runs;
}

void fusions_print(const struct backend *b, const struct graph *g, int batch, int train,
                   const char *off, FILE *out) {
    const struct kernels *k = b->kernels;
    struct plan p;
    if (!k) die_world("fusions: this build has no %s machine", b->name);
    fusions_check(b, off);
    plan_steps(&p, g, k, batch, train, off);
    fprintf(out, "kind\tnode\tname\top\tstep\tfusion\truns\tabout\n");
    for (int i = 0; i < p.steps; i++)
        for (int j = 0; j < p.step[i].nodes; j++) {
            const struct node *n = &g->node[p.step[i].first + j];
            fprintf(out, "node\t%d\t%s\t%s\t%d\t%s\tna\tna\n", p.step[i].first + j, n->name,
                    op_name(n->op), i, p.step[i].fusion ? p.step[i].fusion->name : "none");
        }
    for (int f = 0; f < k->fusions; f++)
        fprintf(out, "fusion\tna\tna\tna\tna\t%s\t%d\t%s\n", k->fusion[f].name,
                runs_of(&p, &k->fusion[f]), k->fusion[f].about);
    plan_free(&p);
}
