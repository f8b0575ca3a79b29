set encoding utf8
set terminal svg noenhanced size 1240,850 font "sans-serif,14" background "#fefefe"
set style fill solid 1 noborder
unset key
unset border
unset tics
set multiplot
set margins screen 0, screen 1, screen 0, screen 1
set xrange [0:1]
set yrange [0:1]
set object rectangle from screen 0.01290,0.96471 to screen 0.02419,0.97882 fc rgb "#0072b2" fs solid noborder
set label 'solo' at screen 0.02984,0.97176 tc rgb "#1f2937"
set object rectangle from screen 0.06774,0.96471 to screen 0.07903,0.97882 fc rgb "#d55e00" fs solid noborder
set label 'shared' at screen 0.08468,0.97176 tc rgb "#1f2937"
set label 'whiskers: 95 % interval of a quantile, where the samples give one' at screen 0.13871,0.97176 tc rgb "#5b6575"
plot 2
unset label
unset object
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
unset label
unset arrow
unset xlabel
set margins screen 0.05323, screen 0.23387, screen 0.69882, screen 0.90824
set title 'router: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:0.10785600000000002]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '0.050' at -0.2,0.051000000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,0.049 to -0.2,0.051000000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.060' at 0.2,0.0612 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,0.0588 to 0.2,0.0612 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.070' at 0.8,0.07490000000000001 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,0.0651 to 0.8,0.07490000000000001 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.084' at 1.2,0.08988000000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,0.07812 to 1.2,0.08988000000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 0.05
e
0.2 0.06
e
0.8 0.07
e
1.2 0.084
e
unset label
unset arrow
unset xlabel
set margins screen 0.30323, screen 0.48387, screen 0.69882, screen 0.90824
set title 'router: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset label
unset arrow
unset xlabel
set margins screen 0.55323, screen 0.73387, screen 0.69882, screen 0.90824
set title 'guardrail: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:0.6471359999999999]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '0.050' at -0.2,0.051000000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,0.049 to -0.2,0.051000000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.360' at 0.2,0.3672 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,0.35280000000000006 to 0.2,0.3672 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.070' at 0.8,0.07490000000000001 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,0.0651 to 0.8,0.07490000000000001 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.504' at 1.2,0.53928 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,0.46871999999999997 to 1.2,0.53928 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 0.05
e
0.2 0.36000000000000004
e
0.8 0.07
e
1.2 0.504
e
unset label
unset arrow
unset xlabel
set margins screen 0.80323, screen 0.98387, screen 0.69882, screen 0.90824
set title 'guardrail: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset label
unset arrow
unset xlabel
set margins screen 0.05323, screen 0.23387, screen 0.38353, screen 0.59294
set title 'classifier…-language: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:2.912112]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '0.450' at -0.2,0.459 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,0.441 to -0.2,0.459 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1.62' at 0.2,1.6523999999999999 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,1.5876 to 0.2,1.6523999999999999 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '0.630' at 0.8,0.6741000000000001 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,0.5859000000000001 to 0.8,0.6741000000000001 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '2.27' at 1.2,2.4267600000000003 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,2.1092400000000002 to 1.2,2.4267600000000003 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 0.45
e
0.2 1.6199999999999999
e
0.8 0.6300000000000001
e
1.2 2.2680000000000002
e
unset label
unset arrow
unset xlabel
set margins screen 0.30323, screen 0.48387, screen 0.38353, screen 0.59294
set title 'classifier…-language: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset label
unset arrow
unset xlabel
set margins screen 0.55323, screen 0.73387, screen 0.38353, screen 0.59294
set title 'retriever: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:2.4267600000000003]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '1.35' at -0.2,1.3770000000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,1.323 to -0.2,1.3770000000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1.35' at 0.2,1.3770000000000002 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,1.323 to 0.2,1.3770000000000002 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1.89' at 0.8,2.0223000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,1.7577 to 0.8,2.0223000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '1.89' at 1.2,2.0223000000000004 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,1.7577 to 1.2,2.0223000000000004 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 1.35
e
0.2 1.35
e
0.8 1.8900000000000001
e
1.2 1.8900000000000001
e
unset label
unset arrow
unset xlabel
set margins screen 0.80323, screen 0.98387, screen 0.38353, screen 0.59294
set title 'retriever: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset label
unset arrow
unset xlabel
set margins screen 0.05323, screen 0.23387, screen 0.06824, screen 0.27765
set title 'tool-caller: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:43.68168]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '4.05' at -0.2,4.131 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,3.969 to -0.2,4.131 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '24.3' at 0.2,24.785999999999998 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,23.813999999999997 to 0.2,24.785999999999998 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '5.67' at 0.8,6.066900000000001 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,5.2731 to 0.8,6.066900000000001 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '34.0' at 1.2,36.4014 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,31.6386 to 1.2,36.4014 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 4.05
e
0.2 24.299999999999997
e
0.8 5.670000000000001
e
1.2 34.02
e
unset label
unset arrow
unset xlabel
set margins screen 0.30323, screen 0.48387, screen 0.06824, screen 0.27765
set title 'tool-caller: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset label
unset arrow
unset xlabel
set margins screen 0.55323, screen 0.73387, screen 0.06824, screen 0.27765
set title 'thinker: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xlabel 'n 3,800 solo, 3,802 shared' textcolor rgb "#5b6575" offset 0,0.8
set xrange [-0.5:1.5]
set yrange [0:157.25404799999998]
set xtics nomirror ('p50' 0, 'p99' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '12.2' at -0.2,12.393 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from -0.2,11.907 to -0.2,12.393 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '87.5' at 0.2,89.22959999999999 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.2,85.73039999999999 to 0.2,89.22959999999999 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '17.0' at 0.8,18.2007 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 0.8,15.8193 to 0.8,18.2007 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
set label '122' at 1.2,131.04504 center offset 0,0.7 textcolor rgb "#1f2937"
set arrow from 1.2,113.89895999999999 to 1.2,131.04504 heads size screen 0.005,90 fixed front lw 1.5 lc rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
-0.2 12.15
e
0.2 87.47999999999999
e
0.8 17.01
e
1.2 122.472
e
unset label
unset arrow
unset xlabel
set margins screen 0.80323, screen 0.98387, screen 0.06824, screen 0.27765
set title 'thinker: completed per s' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.5:1.5]
set yrange [0:144]
set xtics nomirror ('solo' 0, 'shared' 1) offset 0,0.4
set ytics nomirror
set boxwidth 0.34
set label '120.0' at 0,120 center offset 0,0.7 textcolor rgb "#1f2937"
set label '119.5' at 1,119.5 center offset 0,0.7 textcolor rgb "#1f2937"
plot 0 lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2", '-' using 1:2 with boxes lc rgb "#d55e00"
0 120
e
1 119.5
e
unset multiplot
