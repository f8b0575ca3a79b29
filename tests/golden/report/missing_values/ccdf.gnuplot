set encoding utf8
set terminal svg noenhanced size 960,356 font "sans-serif,14" background "#fefefe"
set style fill solid 1 noborder
unset key
unset border
unset tics
set multiplot
set margins screen 0, screen 1, screen 0, screen 1
set xrange [0:1]
set yrange [0:1]
set object rectangle from screen 0.01667,0.91573 to screen 0.03125,0.94944 fc rgb "#0072b2" fs solid noborder
set label 'solo' at screen 0.03854,0.93258 tc rgb "#1f2937"
set object rectangle from screen 0.08750,0.91573 to screen 0.10208,0.94944 fc rgb "#d55e00" fs solid noborder
set label 'shared, dashed' at screen 0.10938,0.93258 tc rgb "#1f2937"
set label 'share of requests slower than a latency; at 1 % stands p99' at screen 0.23333,0.93258 tc rgb "#5b6575"
plot 2
unset label
unset object
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.15730, screen 0.78090
set title 'FFT' textcolor rgb "#1f2937" offset 0,-0.4
unset logscale
set xrange [0:1]
set yrange [0:1]
unset xtics
unset ytics
unset xlabel
set label 'no samples' at graph 0.5,0.5 center textcolor rgb "#5b6575"
plot 2
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.15730, screen 0.78090
set title 'GEMM' textcolor rgb "#1f2937" offset 0,-0.4
unset logscale
set xrange [0:1]
set yrange [0:1]
unset xtics
unset ytics
unset xlabel
set label 'no samples' at graph 0.5,0.5 center textcolor rgb "#5b6575"
plot 2
unset multiplot
