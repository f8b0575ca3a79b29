set encoding utf8
set terminal svg noenhanced size 960,344 font "sans-serif,14" background "#fefefe"
set style fill solid 1 noborder
unset key
unset border
unset tics
set multiplot
set margins screen 0, screen 1, screen 0, screen 1
set xrange [0:1]
set yrange [0:1]
set object rectangle from screen 0.01667,0.91279 to screen 0.03125,0.94767 fc rgb "#0072b2" fs solid noborder
set label 'own work' at screen 0.03854,0.93023 tc rgb "#1f2937"
set object rectangle from screen 0.12396,0.91279 to screen 0.13854,0.94767 fc rgb "#5b6575" fs solid noborder
set label 'launch and notify' at screen 0.14583,0.93023 tc rgb "#1f2937"
set object rectangle from screen 0.30938,0.91279 to screen 0.32396,0.94767 fc rgb "#56b4e9" fs solid noborder
set label 'queue: work' at screen 0.33125,0.93023 tc rgb "#1f2937"
set object rectangle from screen 0.44271,0.91279 to screen 0.45729,0.94767 fc rgb "#e69f00" fs solid noborder
set label 'queue: waiting' at screen 0.46458,0.93023 tc rgb "#1f2937"
set object rectangle from screen 0.60208,0.91279 to screen 0.61667,0.94767 fc rgb "#d55e00" fs solid noborder
set label 'turns of others' at screen 0.62396,0.93023 tc rgb "#1f2937"
set object rectangle from screen 0.77083,0.91279 to screen 0.78542,0.94767 fc rgb "#cc79a7" fs solid noborder
set label 'switches' at screen 0.79271,0.93023 tc rgb "#1f2937"
set label 'mean, ms' at screen 0.88542,0.93023 tc rgb "#5b6575"
plot 2
unset label
unset object
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
unset label
unset arrow
unset xlabel
set margins screen 0.06875, screen 0.47917, screen 0.16860, screen 0.77326
set title 'a|b,"c" <i>&''d'' *e* `f` _g_ [h](i) é: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.55:1.55]
set yrange [0:8.80398]
set xtics nomirror ("mean solo\nn 3,800" -0.21, "shared\nn 3,802" 0.21, "p99 solo\nn 114" 0.79, "shared\nn 114" 1.21) offset 0,0.4
set ytics nomirror
set boxwidth 0.36
set label '0.242' at -0.21,0.242 center offset 0,0.7 textcolor rgb "#1f2937"
set label '1.66' at 0.21,1.656 center offset 0,0.7 textcolor rgb "#1f2937"
set label '0.305' at 0.79,0.305 center offset 0,0.7 textcolor rgb "#1f2937"
set label '7.46' at 1.21,7.460999999999999 center offset 0,0.7 textcolor rgb "#1f2937"
plot '-' using 1:2 with boxes lc rgb "#cc79a7", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#e69f00", '-' using 1:2 with boxes lc rgb "#56b4e9", '-' using 1:2 with boxes lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2"
-0.21 0.242
0.21 1.656
0.79 0.305
1.21 7.460999999999999
e
-0.21 0.242
0.21 1.656
0.79 0.305
1.21 7.308999999999999
e
-0.21 0.242
0.21 1.656
0.79 0.305
1.21 4.478999999999999
e
-0.21 0.242
0.21 1.656
0.79 0.305
1.21 0.5789999999999997
e
-0.21 0.24
0.21 1.436
0.79 0.3
1.21 0.26899999999999974
e
-0.21 0.211
0.21 0.204
0.79 0.255
1.21 0.219
e
unset label
unset arrow
unset xlabel
set margins screen 0.56875, screen 0.97917, screen 0.16860, screen 0.77326
set title 'thinker: latency, ms' textcolor rgb "#1f2937" offset 0,-0.4
set xrange [-0.55:0.55]
set yrange [0:34.88552]
set xtics nomirror ("p99 solo\nn 100" -0.21, "shared\nn 100" 0.21) offset 0,0.4
set ytics nomirror
set boxwidth 0.36
set label '21.0' at -0.21,20.951999999999998 center offset 0,0.7 textcolor rgb "#1f2937"
set label '29.6' at 0.21,29.564 center offset 0,0.7 textcolor rgb "#1f2937"
plot '-' using 1:2 with boxes lc rgb "#cc79a7", '-' using 1:2 with boxes lc rgb "#d55e00", '-' using 1:2 with boxes lc rgb "#e69f00", '-' using 1:2 with boxes lc rgb "#56b4e9", '-' using 1:2 with boxes lc rgb "#5b6575", '-' using 1:2 with boxes lc rgb "#0072b2"
-0.21 20.951999999999998
0.21 29.564
e
-0.21 20.951999999999998
0.21 29.564
e
-0.21 20.951999999999998
0.21 29.564
e
-0.21 20.951999999999998
0.21 29.564
e
-0.21 20.951999999999998
0.21 29.564
e
-0.21 20.9
0.21 29.5
e
unset multiplot
