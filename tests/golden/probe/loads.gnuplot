set encoding utf8
set terminal svg noenhanced size 760,420 font "sans-serif,14" background "#fefefe"
set border 3 lc rgb "#5b6575"
set tics out nomirror scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
set key outside above textcolor rgb "#1f2937"
set logscale x
set xrange [12.307692307692307:1331.2]
set xtics rotate by -35 ("16 MiB" 16,"1 GiB" 1024)
set yrange [0:*]
set xlabel 'memory' textcolor rgb "#5b6575" offset 0,0.4
set ylabel 'ns a load' textcolor rgb "#5b6575"
set arrow from 32, graph 0 to 32, graph 1 nohead lw 1.5 lc rgb "#5b6575"
set label 'tlb reach' at 32, graph 0.96 left offset 0.6,0 tc rgb "#5b6575"
$loads << EOD
16 210.2 209.8 210.6
1024 291.5 291 292
EOD
plot $loads using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb "#0072b2" title "a load that waits for the one before"
