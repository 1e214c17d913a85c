/* patience.h - how long servers are waited for, in seconds. */
#ifndef FETCH_PATIENCE_H
#define FETCH_PATIENCE_H

struct patience {
    double connect; /* until a connection stands, TLS too */
    double stall;   /* with less than a kilobyte a second; whole, from 1 */
    double pause;   /* before the first retry, doubled for each further one */
    double longest; /* that a server may ask for; beyond it we come back another day */
};
static const struct patience patience_usual = {30, 60, 1, 120};
#endif
