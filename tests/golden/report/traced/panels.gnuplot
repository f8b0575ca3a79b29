set encoding utf8
set terminal svg noenhanced size 960,314 font "sans-serif,14" background "#fefefe"
set style fill solid 1 noborder
unset key
unset border
unset tics
set multiplot
set margins screen 0, screen 1, screen 0, screen 1
set xrange [0:1]
set yrange [0:1]
set object rectangle from screen 0.01667,0.90446 to screen 0.03125,0.94268 fc rgb "#0072b2" fs solid noborder
set label 'solo' at screen 0.03854,0.92357 tc rgb "#1f2937"
set object rectangle from screen 0.08750,0.90446 to screen 0.10208,0.94268 fc rgb "#d55e00" fs solid noborder
set label 'shared' at screen 0.10938,0.92357 tc rgb "#1f2937"
set label 'whiskers: 95 % interval of a quantile, where the samples give one' at screen 0.17917,0.92357 tc rgb "#5b6575"
plot 2
unset label
unset object
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.18471, screen 0.75159
set title 'router: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 0 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:0.568812]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '0.403' at -0.2,0.41106000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,0.39494 to -0.2,0.41106000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label 'n/a' at 0.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
set label '0.443' at 0.8,0.47401000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,0.41198999999999997 to 0.8,0.47401000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label 'n/a' at 1.2,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#0072b2"
-0.2 0.403
e
0.8 0.443
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.18471, screen 0.75159
set title 'router: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:239.76]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '199.8' at 0,199.8 center offset 0,0.7 textcolor rgb "#1f2937"
set label 'n/a' at 1,0 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2"
0 199.8
e
unset multiplot
