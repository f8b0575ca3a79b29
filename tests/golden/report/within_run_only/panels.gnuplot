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
set title 'fft: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 760 solo, 760 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:7.833684]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '3.60' at -0.2,3.66996 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,3.5260399999999996 to -0.2,3.66996 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '3.59' at 0.2,3.66486 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,3.52114 to 0.2,3.66486 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '3.68' at 0.8,3.93653 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,3.42147 to 0.8,3.93653 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '6.10' at 1.2,6.5280700000000005 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,5.6739299999999995 to 1.2,6.5280700000000005 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 3.598
e
0.2 3.593
e
0.8 3.679
e
1.2 6.101
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.56014, screen 0.86598
set title 'fft: 1000 / mean ms, per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:332.76947394692326]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '277.3' at 0,277.30789495576937 center offset 0,0.7 textcolor rgb "#1f2937"
set label '260.2' at 1,260.1592174410739 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 277.30789495576937
e
1 260.1592174410739
e
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.09966, screen 0.40550
set title 'gemm: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 760 solo, 760 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:31.70196]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '20.7' at -0.2,21.09054 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,20.26346 to -0.2,21.09054 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '20.7' at 0.2,21.08238 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,20.25562 to 0.2,21.08238 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '21.0' at 0.8,22.45395 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,19.51605 to 0.8,22.45395 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '24.7' at 1.2,26.418300000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,22.9617 to 1.2,26.418300000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 20.677
e
0.2 20.669
e
0.8 20.985
e
1.2 24.69
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.09966, screen 0.40550
set title 'gemm: 1000 / mean ms, per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:57.949178570393755]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '48.29' at 0,48.290982141994796 center offset 0,0.7 textcolor rgb "#1f2937"
set label '47.46' at 1,47.45836714741992 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 48.290982141994796
e
1 47.45836714741992
e
unset multiplot
