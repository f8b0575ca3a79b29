set encoding utf8
set terminal svg noenhanced size 960,582 font "sans-serif,14" background "#fefefe"
set style fill solid 1 noborder
unset key
unset border
unset tics
set multiplot
set margins screen 0, screen 1, screen 0, screen 1
set xrange [0:1]
set yrange [0:1]
set object rectangle from screen 0.01667,0.94845 to screen 0.03125,0.96907 fc rgb "#0072b2" fs solid noborder
set label 'solo' at screen 0.03854,0.95876 tc rgb "#1f2937"
set object rectangle from screen 0.08750,0.94845 to screen 0.10208,0.96907 fc rgb "#d55e00" fs solid noborder
set label 'shared' at screen 0.10938,0.95876 tc rgb "#1f2937"
set label 'whiskers: 95 % interval of a quantile, where the samples give one' at screen 0.17917,0.95876 tc rgb "#5b6575"
plot 2
unset label
unset object
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.56014, screen 0.86598
set title 'FFT: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 1 solo, 1 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:1]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label 'n/a' at -0.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 0.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 0.8,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 1.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575"
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.56014, screen 0.86598
set title 'FFT: 1000 / mean ms, per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:1]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label 'n/a' at 0,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 1,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575"
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.09966, screen 0.40550
set title 'GEMM: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 0 solo, 0 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:1]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label 'n/a' at -0.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 0.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 0.8,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 1.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575"
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.09966, screen 0.40550
set title 'GEMM: 1000 / mean ms, per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:1]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label 'n/a' at 0,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 1,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575"
unset multiplot
