# bars.gp - Dice of every cell beside the published value: a panel for each data set, bars by encoder and arm.
# usage, from the root of the sources: gnuplot -c report/bars.gp TABLE1.tsv OUT.png
# Columns of TABLE1.tsv (table RESULTS.tsv TABLE1.tsv): encoder arm data as written for readers, arm_name,
# status n dice iou published_dice published_iou baseline_dice.
load "report/style.gp"

# Names for readers may hold blanks: in lists they travel with "~" instead.
tie(s) = strstrt(s, " ") ? before(s, " ")."~".tie(after(s, " ")) : s
untie(s) = strstrt(s, "~") ? before(s, "~")." ".untie(after(s, "~")) : s
encoders = ""; datasets = ""; arms = ""; texts = ""; size = "|"
# What a data set has: its name and an arm that was run, "published" or "baseline".
has = "|"
note(data, what, value) = (has = value eq "na" || !strlen(value) ? has : has.data."=".what."|", 1)
see(encoder, text, data, arm, n) = (encoders = with(encoders, tie(encoder)), arms = with(arms, arm), \
    texts = with(texts, tie(text)), datasets = with(datasets, tie(data)), \
    size = n eq "na" || !strlen(n) || strstrt(size, "|".data."=") ? size : size.data."=".n."|", 1)
stats ARG1 skip 1 using (see(strcol(1), strcol(2), strcol(3), strcol(4), strcol(6)) + \
    note(strcol(3), strcol(4), strcol(7)) + note(strcol(3), "published", strcol(9)) + \
    note(strcol(3), "baseline", strcol(11))) nooutput
columns = words(datasets)
bars = words(arms)

content = 64.0 + columns*300 + (columns - 1)*44 + 16
width = at_least(content, FIGURE)
edge = 64 + (width - content)/2
height = 66.0 + 250 + 44
x(points) = points/width
y(points) = 1 - points/height
set terminal pngcairo size 2*width, 2*height font "DejaVu Sans,11" fontscale 2 linewidth 2.6 pointscale 1.7 noenhanced
set output ARG2
set multiplot

set border 1 linecolor rgb dim
set tics nomirror textcolor rgb dim
set grid ytics linecolor rgb 0xdddddd linetype 1 linewidth 0.6
set ytics 0, 0.2, 1 format "%.1f" scale 0
set yrange [0:1]
set xrange [0.5:words(encoders) + 0.5]
set xtics () scale 0
set for [i = 1:words(encoders)] xtics add (untie(word(encoders, i)) i)
unset key

set style fill solid 1 noborder
set boxwidth 0.8/bars*0.94
at = 64
do for [i = 1:bars] {
    set object rectangle from screen x(at), y(22) to screen x(at + 12), y(10) \
        fillcolor rgb colour(word(arms, i)) fillstyle solid noborder
    set label untie(word(texts, i)) at screen x(at + 19), y(16) left
    at = at + 19 + 8*strlen(word(texts, i)) + 22
}
set label "" at screen x(at + 6), y(16) point pointtype 13 pointsize 1 linecolor rgb 0x111111
set label "published" at screen x(at + 19), y(16) left
at = at + 19 + 8*9 + 22
set arrow from screen x(at), y(16) to screen x(at + 26), y(16) nohead dashtype 3 linewidth 1.4 linecolor rgb dim
set label "best trivial baseline" at screen x(at + 33), y(16) left

# Place of a row's bar: its encoder's group, moved by its arm; undefined for other data sets.
place(list, name) = sum [i = 1:words(list)] (word(list, i) eq name ? i : 0)
spot(encoder, arm) = place(encoders, tie(encoder)) + (place(arms, arm) - (bars + 1)/2.0)*0.8/bars
# Is it there? gnuplot complains of a plot without a point, so such parts are left out of the command.
there(data, what) = strstrt(has, "|".data."=".what."|")
do for [k = 1:columns] {
    d = untie(word(datasets, k))
    set lmargin at screen x(edge + (k - 1)*344)
    set rmargin at screen x(edge + (k - 1)*344 + 300)
    set tmargin at screen y(66)
    set bmargin at screen y(66 + 250)
    n = strstrt(size, "|".d."=") ? "n = ".before(after(size, "|".d."="), "|") : "not run"
    set title d." (".n.")" offset 0, -0.3
    if (k == 1) { set ylabel "Dice, mean over pictures" textcolor rgb dim offset 0.5, 0 } else { unset ylabel }
    # A label without text where a cell was run: gnuplot 5.4 dies of a plot of labels all undefined.
    at(row) = strcol(3) eq d ? spot(strcol(1), strcol(4)) : NaN
    draw = "plot "
    do for [a in arms] {
        if (there(d, a)) {
            draw = draw."ARG1 skip 1 using (strcol(4) eq '".a."' ? at(0) : NaN):7 with boxes linecolor rgb colour('".a."'), "
        }
    }
    if (there(d, "baseline")) {
        draw = draw."ARG1 skip 1 using (strcol(3) eq d ? 0.5 + 0*column(11) : NaN):11:(words(encoders)):(0) ". \
            "with vectors nohead dashtype 3 linewidth 1.4 linecolor rgb dim, "
    }
    if (there(d, "published")) {
        draw = draw."ARG1 skip 1 using (at(0)):9 with points pointtype 13 pointsize 1.25 linecolor rgb 0xffffff, ". \
            "ARG1 skip 1 using (at(0)):9 with points pointtype 13 pointsize 0.95 linecolor rgb 0x111111, "
    }
    eval draw."ARG1 skip 1 using (at(0)):(0.02):(strcol(5) eq 'ok' ? '' : 'not run') with labels rotate left textcolor rgb dim"
    unset label
    unset arrow
    unset object
}
unset multiplot
