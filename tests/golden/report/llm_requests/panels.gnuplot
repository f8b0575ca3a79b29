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
set title 'router: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:18.2328]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '1.20' at -0.2,1.224 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,1.176 to -0.2,1.224 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '3.10' at 0.2,3.1620000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,3.038 to 0.2,3.1620000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1.60' at 0.8,1.7120000000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,1.488 to 0.8,1.7120000000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '14.2' at 1.2,15.194 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,13.205999999999998 to 1.2,15.194 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 1.2
e
0.2 3.1
e
0.8 1.6
e
1.2 14.2
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.56014, screen 0.86598
set title 'router: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:60.12]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '50.10' at 0,50.1 center offset 0,0.7 textcolor rgb "#1f2937"
set label '49.90' at 1,49.9 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 50.1
e
1 49.9
e
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.09966, screen 0.40550
set title 'thinker: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:1527.9600000000003]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '310' at -0.2,316.2 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,303.8 to -0.2,316.2 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '330' at 0.2,336.6 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,323.4 to 0.2,336.6 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1040' at 0.8,1112.8 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,967.1999999999999 to 0.8,1112.8 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1190' at 1.2,1273.3000000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,1106.6999999999998 to 1.2,1273.3000000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 310
e
0.2 330
e
0.8 1040
e
1.2 1190
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.09966, screen 0.40550
set title 'thinker: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:2.28]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '1.900' at 0,1.9 center offset 0,0.7 textcolor rgb "#1f2937"
set label '1.850' at 1,1.85 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 1.9
e
1 1.85
e
unset multiplot
