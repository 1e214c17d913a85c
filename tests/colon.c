/* colon.c - light, folds, texture, lump. It claims no medical truth. */
#include "tests/colon.h"
#include "core/die.h"
#include "core/rng.h"
#include <math.h>
#include <string.h>

enum { GRID = 32, FIELDS = 8, CRESCENTS = 3, GLINTS = 14, WAVES = 4 };
static const double TURN = 6.283185307179586;

struct lump {
    double x, y, radius, squeeze, angle;
    double wave[WAVES], phase[WAVES];
};
struct scene {
    const struct colon_look *look;
    float field[FIELDS][GRID][GRID];
    double base[3], lumen_x, lumen_y, light_x, light_y;
    struct lump polyp, crescent[CRESCENTS];
    double glint[GLINTS][4]; /* x, y, radius, strength */
    /* This view. */
    double turn, zoom, shift_x, shift_y, gain;
};

static double draw(uint64_t seed, int k, double low, double high) {
    return low + (high - low) * rng_uniform(seed, STREAM_AUGMENT, 0, (uint64_t)k);
}

static double smooth(double low, double high, double x) {
    double t = (x - low) / (high - low);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

/* Value noise in -1..1, period GRID. */
static double noise(const struct scene *s, int field, double x, double y) {
    double fx = floor(x), fy = floor(y), u = smooth(0, 1, x - fx), v = smooth(0, 1, y - fy);
    int i = (int)fx & (GRID - 1), j = (int)fy & (GRID - 1);
    int k = (i + 1) & (GRID - 1), l = (j + 1) & (GRID - 1);
    const float(*f)[GRID] = s->field[field];
    double top = (double)f[j][i] * (1 - u) + (double)f[j][k] * u;
    return top * (1 - v) + ((double)f[l][i] * (1 - u) + (double)f[l][k] * u) * v;
}

static double cloud(const struct scene *s, int field, double x, double y) {
    return .6 * noise(s, field, 2 * x, 2 * y) + .3 * noise(s, field + 1, 4.3 * x, 4.3 * y) +
           .15 * noise(s, field, 9.1 * x, 9.1 * y);
}

static void make_lump(struct lump *l, uint64_t seed, int k, double squeeze) {
    l->squeeze = squeeze;
    l->angle = draw(seed, k, 0, TURN);
    for (int i = 0; i < WAVES; i++) {
        l->wave[i] = draw(seed, k + 1 + i, -.12, .12) / (1 + .5 * i);
        l->phase[i] = draw(seed, k + 1 + WAVES + i, 0, TURN);
    }
}

static void make_scene(struct scene *s, const struct colon_look *look, uint64_t seed) {
    *s = (struct scene){.look = look};
    for (int f = 0; f < FIELDS; f++)
        for (int j = 0; j < GRID; j++)
            for (int i = 0; i < GRID; i++)
                s->field[f][j][i] =
                    (float)draw(seed, 1000 + (f * GRID + j) * GRID + i, -1, 1);
    for (int c = 0; c < 3; c++) s->base[c] = look->base[c] * draw(seed, 10 + c, .9, 1.1);
    s->polyp.radius = draw(seed, 5, .38, .68);
    s->polyp.x = draw(seed, 6, -.95, .95);
    s->polyp.y = draw(seed, 7, -.7, .7);
    /* The lumen is away from the polyp, on the other side of the middle. */
    double away = atan2(-s->polyp.y, -s->polyp.x) + draw(seed, 0, -1, 1);
    double light = draw(seed, 1, 0, TURN);
    s->lumen_x = cos(away) * draw(seed, 2, .35, .75);
    s->lumen_y = sin(away) * draw(seed, 3, .3, .6);
    s->light_x = cos(light), s->light_y = sin(light);
    make_lump(&s->polyp, seed, 20, draw(seed, 8, .75, 1));
    for (int i = 0; i < CRESCENTS; i++) {
        struct lump *c = &s->crescent[i];
        c->radius = draw(seed, 100 + 40 * i, .35, .6);
        c->x = draw(seed, 101 + 40 * i, -1, 1);
        c->y = draw(seed, 102 + 40 * i, -.9, .9);
        make_lump(c, seed, 103 + 40 * i, draw(seed, 139 + 40 * i, .18, .34));
    }
    for (int i = 0; i < GLINTS; i++) {
        s->glint[i][0] = draw(seed, 300 + 4 * i, -1.2, 1.2);
        s->glint[i][1] = draw(seed, 301 + 4 * i, -.9, .9);
        s->glint[i][2] = draw(seed, 302 + 4 * i, .012, .05);
        s->glint[i][3] = draw(seed, 303 + 4 * i, .3, 1);
    }
}

static void choose_view(struct scene *s, uint64_t seed, int view) {
    int k = 500 + 10 * view;
    s->turn = view ? draw(seed, k, -.5, .5) : 0;
    s->zoom = view ? draw(seed, k + 1, .85, 1.2) : 1;
    s->shift_x = view ? draw(seed, k + 2, -.15, .15) : 0;
    s->shift_y = view ? draw(seed, k + 3, -.12, .12) : 0;
    s->gain = draw(seed, k + 4, .85, 1.12);
}

/* Distance from the middle in units of the edge's distance that way; 1 on the edge. */
static double lump_distance(const struct lump *l, double x, double y) {
    double dx = x - l->x, dy = y - l->y, c = cos(l->angle), n = sin(l->angle);
    double u = (c * dx + n * dy) / l->radius,
           v = (c * dy - n * dx) / (l->radius * l->squeeze);
    double theta = atan2(v, u), edge = 1;
    for (int i = 0; i < WAVES; i++) edge += l->wave[i] * sin((i + 2) * theta + l->phase[i]);
    return sqrt(u * u + v * v) / edge;
}

/* Light on a dome: towards the light brighter, away from it darker, a crease round it that
 * is darker on the far side. */
static double dome(const struct scene *s, const struct lump *l, double x, double y,
                   double rho) {
    double slope = ((x - l->x) * s->light_x + (y - l->y) * s->light_y) / l->radius;
    double rim =
        smooth(1.4, 1, rho) * smooth(.6, 1, rho) * (.05 - .1 * (slope < 0 ? slope : 0));
    double bulge = rho < 1 ? 1 - rho * rho : 0;
    return 1 + .12 * bulge + .22 * slope * sqrt(bulge) - rim;
}

/* A fold's edge: one long side lit, the other in shadow, fading at its ends. */
static double crescent(const struct lump *l, double x, double y, double rho) {
    double across =
        (cos(l->angle) * (y - l->y) - sin(l->angle) * (x - l->x)) / l->radius / l->squeeze;
    double soft = rho < 1.6 ? 1 - rho * rho / 2.56 : 0;
    return 1 + soft * soft * (.1 + .24 * sin(2.5 * across));
}

static void to_scene(const struct scene *s, double *x, double *y) {
    double u = (*x - s->shift_x) / s->zoom, v = (*y - s->shift_y) / s->zoom;
    double c = cos(s->turn), n = sin(s->turn);
    *x = c * u + n * v;
    *y = c * v - n * u;
}

static double light(const struct scene *s, double x, double y) {
    double dx = x - s->lumen_x, dy = y - s->lumen_y;
    double d = sqrt(dx * dx + dy * dy) + .1 * cloud(s, 0, x, y);
    double ring = sin(9 * log(.2 + (d > 0 ? d : 0)) + 1.4 * noise(s, 2, 1.5 * x, 1.5 * y));
    double fold = 1 + s->look->folds * (ring > 0 ? ring * ring : -.6 * ring * ring);
    double bright = smooth(-.05, .6, d) * (1.05 - .22 * smooth(.6, 2, d));
    double all = (.12 + .88 * bright) * fold * (1 + .12 * cloud(s, 3, x, y));
    for (int i = 0; i < CRESCENTS; i++) {
        double rho = lump_distance(&s->crescent[i], x, y);
        all *= crescent(&s->crescent[i], x, y, rho);
    }
    return all;
}

static double glints(const struct scene *s, double x, double y) {
    double most = 0;
    for (int i = 0; i < GLINTS; i++) {
        double dx = x - s->glint[i][0], dy = 1.6 * (y - s->glint[i][1]), r = s->glint[i][2];
        double g = s->glint[i][3] * smooth(1.3, .6, sqrt(dx * dx + dy * dy) / r);
        if (g > most) most = g;
    }
    return most;
}

/* Colour at a place of the scene. */
static void shade(const struct scene *s, double x, double y, double colour[3]) {
    double rho = lump_distance(&s->polyp, x, y), all = light(s, x, y);
    double inside = smooth(1.04, .92, rho);
    if (rho < 1.4) all *= dome(s, &s->polyp, x, y, rho);
    /* A fine pattern of pits on the polyp, vessels elsewhere. */
    double pits = noise(s, 5, 15 * x, 15 * y) * noise(s, 6, 15 * y, 15 * x + 7);
    all *= 1 + inside * s->look->texture * pits;
    double vessel = fabs(cloud(s, 4, 1.3 * x + 3, 1.3 * y)) < .03 ? .9 : 1;
    for (int c = 0; c < 3; c++) {
        double tint = 1 + inside * (s->look->tint[c] - 1);
        double red = c ? 1 - (1 - vessel) * (1 - inside) : 1;
        colour[c] =
            s->base[c] * all * tint * red * (1 + .05 * noise(s, 7, 3 * x, 3 * y + c));
    }
    double g = glints(s, x, y) * smooth(.15, .4, all);
    for (int c = 0; c < 3; c++) colour[c] += g * (1 - colour[c]);
}

/* What the instrument adds: dark corners, cut corners, an inset. */
static void frame(const struct scene *s, double u, double v, double aspect,
                  double colour[3]) {
    double corner = sqrt(u * u / (aspect * aspect) + v * v);
    double keep = 1 - s->look->vignette * smooth(.75, 1.45, corner);
    if (s->look->octagon && fabs(u) / aspect + fabs(v) > 1.75) keep = .02;
    for (int c = 0; c < 3; c++) colour[c] *= keep * s->gain;
    if (s->look->inset && u < -.62 * aspect && v > .55) {
        double ring = fabs(hypot(u + .8 * aspect, v - .78) - .12);
        const double green[3] = {.05, .45, .12};
        for (int c = 0; c < 3; c++) colour[c] = ring < .03 ? .9 : green[c];
    }
}

static double coverage(const struct scene *s, double u, double v, double step) {
    enum { FINE = 4 };
    int in = 0;
    double middle_x = u, middle_y = v;
    to_scene(s, &middle_x, &middle_y);
    double middle = lump_distance(&s->polyp, middle_x, middle_y);
    if (fabs(middle - 1) > .25) return middle < 1; /* no edge in this pixel */
    for (int j = 0; j < FINE; j++)
        for (int i = 0; i < FINE; i++) {
            double x = u + step * ((i + .5) / FINE - .5),
                   y = v + step * ((j + .5) / FINE - .5);
            to_scene(s, &x, &y);
            in += lump_distance(&s->polyp, x, y) < 1;
        }
    return (double)in / (FINE * FINE);
}

static uint8_t to_byte(double x) {
    return (uint8_t)(x < 0 ? 0 : x > 1 ? 255 : x * 255 + .5);
}

void colon_draw(const struct colon_look *look, uint64_t seed, int view, int width,
                int height, struct image *picture, struct image *mask) {
    struct scene *s = xmalloc(sizeof *s);
    double step = 2.0 / height, aspect = (double)width / height;
    make_scene(s, look, seed);
    choose_view(s, seed, view);
    *picture =
        (struct image){width, height, 3, xmalloc((size_t)width * (size_t)height * 3)};
    *mask = (struct image){width, height, 1, xmalloc((size_t)width * (size_t)height)};
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) {
            size_t at = (size_t)j * (size_t)width + (size_t)i;
            double u = (i + .5) * step - aspect, v = (j + .5) * step - 1, x = u, y = v,
                   colour[3];
            to_scene(s, &x, &y);
            shade(s, x, y, colour);
            frame(s, u, v, aspect, colour);
            double grain = draw(seed, 20000 + view * 100000 + (int)at, -.012, .012);
            for (int c = 0; c < 3; c++)
                picture->pixel[3 * at + (size_t)c] = to_byte(colour[c] + grain);
            mask->pixel[at] = to_byte(coverage(s, u, v, step));
        }
    xfree(s);
}
