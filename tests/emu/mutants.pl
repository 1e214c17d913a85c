# mutants.pl OUT FILE... - copies of the sources in OUT in which every fault can be chosen by its number
# when they run (EMU_FAULT, see mutate.sh), so that they are compiled once; a row a fault on stdout: number,
# kind, file, line, what stands there. Of the files given, only what runs on the device is looked at.
#   taken out   a barrier, fence, commit or wait of late copies is missing
#   edge        < is <=, >= is >: one element too many, or one too few
#   plain       an atomic is a plain read and write
#   unwritten   what fills shared memory is missing
use strict;
use warnings;

my $calls = qr/\b(?:BARRIER|WARP_BARRIER|FENCE|copy_commit|copy_wait<\d>)\(\)/;
my $tiles = qr/(?:load|begin)_tile\w*(?:<.*?>)?\(.*\)/;
# Loops over what a thread holds itself have no edge that others share; 0 is 0 on either side.
my $own = qr/\bfor \(int (\w+) = [01];(?:[^;]* &&)? \1$/;
my $none = qr/static_assert|constexpr|template|ARCH| < 0\) \S+ = 0;/;
my $less = qr/ < (?![^<>;()]*>[(;{])/;

my ($out, @files) = @ARGV;
my $fault = 0;
for my $file (@files) {
    open my $in, '<', $file or die "$file: $!\n";
    open my $to, '>', "$out/$file" or die "$out/$file: $!\n";
    my ($device, @shared) = (0);
    while (my $text = <$in>) {
        my $row = sub {
            print join("\t", ++$fault, $_[0], $file, $., $text =~ /^\s*(.*)/), "\n";
            return $fault;
        };
        my ($code, $comment) = $text =~ m{^(?!\s*(?:#|/\*| \*))(.*?)(\s*(?:/\*.*)?)$} ? ($1, $2) : ('', $text);
        chomp $comment;
        $device = 1 if $code =~ /^\s*(?:template\b.*\b)?(?:DEVICE|KERNEL|METHOD)\b/;
        ($device, @shared) = (0) if $code =~ /^\}/;
        push @shared, $1 if $code =~ /SHARED\([^,]*, (\w+)/;
        if ($device && $code ne '') {
            my $names = join '|', @shared, '-';
            my $fills = $code =~ /^\s*(?:(?:(?:if|for) \(.*\) )?(?:$names)\[.*\] = .*|$tiles);$/;
            if ($code !~ $none) {
                my ($done, @rest) = split /$less/, $code, -1;
                for (@rest) {
                    my $edge = $done =~ $own ? '' : 'emu_edge(' . $row->('edge') . ') + ';
                    $done .= " < $edge$_";
                }
                $code = $done;
                $code =~ s/ >= /' >= emu_edge(' . $row->('edge') . ') + '/ge;
            }
            $code =~ s/($calls)/'(emu_fault == ' . $row->('taken out') . " ? (void)0 : $1)"/ge;
            $code =~ s/(ATOMIC_ADD\(([^,]*), ([^()]*)\))/'(emu_fault == ' . $row->('plain') . " ? ((*($2) += ($3)) - ($3)) : $1)"/ge;
            $code =~ s/(ATOMIC_OR\(([^,]*), ([^()]*)\))/'(emu_fault == ' . $row->('plain') . " ? (*($2) |= ($3)) : $1)"/ge;
            $code =~ s/^(\s*)(.*)$/"$1if (emu_fault != " . $row->('unwritten') . ") $2"/e if $fills;
        }
        print $to $code, $comment, "\n";
    }
}
