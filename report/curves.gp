# curves.gp - learning curves: validation Dice and train loss by epoch, a panel for each encoder and data set.
# usage, from the root of the sources: gnuplot -c report/curves.gp CURVES.tsv OUT.png
# Columns of CURVES.tsv (gather --curves): variant cell encoder arm data split seed epoch loss dice iou val_loss n.
load "report/style.gp"

encoders = ""; datasets = ""; arms = ""; seeds = ""; last = 1
size = "|"
see(encoder, arm, data, seed, epoch, n) = (encoders = with(encoders, encoder), arms = with(arms, arm), \
    datasets = with(datasets, data), seeds = with(seeds, seed), last = epoch > last ? epoch : last, \
    size = strstrt(size, "|".data."=") ? size : size.data."=".n."|", 1)
# The head is a row too: of a file without any, stats complains.
stats ARG1 using (strcol(8) eq "epoch" ? 0 : \
    see(strcol(3), strcol(4), strcol(5), strcol(7), column(8), strcol(13))) nooutput
rows = words(encoders)
columns = at_least(words(datasets), 1)

# Places in points: panels of 320 x 210 with room about them, in the middle where they are few.
content = 64.0 + columns*320 + (columns - 1)*44 + 16
width = at_least(content, FIGURE)
edge = 64 + (width - content)/2
height = 66.0 + rows*210 + (rows - 1)*56 + 56
x(points) = points/width
y(points) = 1 - points/height
set terminal pngcairo size 2*width, 2*height font "DejaVu Sans,11" fontscale 2 linewidth 2.6 pointscale 1.7 noenhanced
set output ARG2
if (!rows) {
    set label "Nothing was run." at screen 0.5, 0.5 center
    unset border
    unset tics
    unset key
    plot [0:1] [0:1] 2
    exit
}
set multiplot

set border 3 linecolor rgb dim
set tics nomirror textcolor rgb dim
set grid ytics linecolor rgb 0xdddddd linetype 1 linewidth 0.6
set xrange [0.5:last + 0.5]
set yrange [0:1]
set ytics 0, 0.2, 1 format "%.1f"
unset key

# The key, drawn by hand over the whole width: arms by colour and sign, the two quantities by dash.
at = 64
do for [a in arms] {
    set arrow from screen x(at), y(16) to screen x(at + 30), y(16) nohead linewidth 1.6 linecolor rgb colour(a)
    set label "" at screen x(at + 15), y(16) point pointtype sign(a) pointsize 1 linecolor rgb colour(a)
    set label nice(a) at screen x(at + 37), y(16) left
    at = at + 37 + 8*strlen(nice(a)) + 22
}
set arrow from screen x(at), y(16) to screen x(at + 30), y(16) nohead linewidth 1.6 linecolor rgb dim
set label "validation Dice" at screen x(at + 37), y(16) left
at = at + 37 + 8*15 + 22
set arrow from screen x(at), y(16) to screen x(at + 30), y(16) nohead dashtype 2 linewidth 1.2 linecolor rgb dim
set label "train loss" at screen x(at + 37), y(16) left

# Does this row belong to the curve?
mine(e, a, d, s) = strcol(3) eq e && strcol(4) eq a && strcol(5) eq d && strcol(7) eq s
do for [i = 1:rows] { do for [k = 1:columns] {
    e = word(encoders, i)
    d = word(datasets, k)
    set lmargin at screen x(edge + (k - 1)*364)
    set rmargin at screen x(edge + (k - 1)*364 + 320)
    set tmargin at screen y(66 + (i - 1)*266)
    set bmargin at screen y(66 + (i - 1)*266 + 210)
    set title nice(e).", ".nice(d)." (n = ".before(after(size, "|".d."="), "|").")" offset 0, -0.5
    if (i == rows) { set xlabel "epoch" textcolor rgb dim } else { unset xlabel }
    if (k == 1) { set ylabel "Dice; loss in nats" textcolor rgb dim offset 0.5, 0 } else { unset ylabel }
    plot for [a in arms] for [s in seeds] ARG1 skip 1 \
             using (mine(e, a, d, s) ? column(8) : NaN):9 with lines dashtype 2 linewidth 1.2 \
             linecolor rgb colour(a), \
         for [a in arms] for [s in seeds] ARG1 skip 1 \
             using (mine(e, a, d, s) ? column(8) : NaN):10 with linespoints linewidth 1.6 pointsize 0.6 \
             pointtype sign(a) linecolor rgb colour(a)
    unset label
    unset arrow
} }
unset multiplot
