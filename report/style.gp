# style.gp - what the figures share: one colour and one sign an arm, sizes, type. Okabe and Ito's colours are
# told apart by all common kinds of colour vision; the signs and dashes differ as well.
set datafile separator "\t"
set datafile missing "na"
set encoding utf8

colour(arm) = arm eq "imagenet" ? 0x0072b2 : arm eq "radimagenet" ? 0xd55e00 : \
              arm eq "random" ? 0x6e6e6e : arm eq "histo" ? 0x009e73 : 0xcc79a7
sign(arm) = arm eq "imagenet" ? 7 : arm eq "radimagenet" ? 5 : arm eq "random" ? 9 : arm eq "histo" ? 13 : 11
dim = 0x555555

# No figure is narrower, in points: a key of five arms fits, and letters stay as small as the text's.
FIGURE = 800.0
at_least(a, b) = a > b ? a : b

# A list is a text of names parted by blanks; names of cells hold none.
with(list, name) = strstrt(" ".list." ", " ".name." ") ? list : strlen(list) ? list." ".name : name

# How names are written: the rows of report/names.tsv, kept as "|name=text|...".
spelling = "|"
learn(name, text) = (spelling = spelling.name."=".text."|", 1)
stats "report/names.tsv" using (learn(strcol(1), strcol(2))) nooutput
before(s, at) = s[1:strstrt(s, at) - 1]
after(s, what) = s[strstrt(s, what) + strlen(what):*]
nice(name) = strstrt(spelling, "|".name."=") ? before(after(spelling, "|".name."="), "|") : name
