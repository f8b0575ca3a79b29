set encoding utf8
set terminal svg noenhanced size 960,420 font "sans-serif,14" background "#fefefe"
unset key
set border 3 lc rgb "#5b6575"
set tics out nomirror scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
set multiplot
unset label
unset arrow
unset object
set margins screen 0.08, screen 0.48, screen 0.17, screen 0.88
set title 'beside gemm, encoder' textcolor rgb "#1f2937" offset 0,-0.4
set logscale y
set xrange [50:102]
set yrange [0.29533333333333334:27.405]
set ytics ('0.3' 0.30000000000000004, '1' 1, '3' 3, '10' 10)
set xlabel 'throughput that the neighbours keep, %' textcolor rgb "#5b6575"
set ylabel 'p99 latency (95 %), ms' textcolor rgb "#5b6575"
set arrow from graph 0,first 0.443 to graph 1,first 0.443 nohead dt 2 lw 1.5 lc rgb "#5b6575"
set label 'alone' at graph 0.02,first 0.443 offset 0,0.5 textcolor rgb "#5b6575"
set arrow from first 90,7.6 to first 90,7.22 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set arrow from first 90,7.6 to first 90,7.9799999999999995 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set object circle at 90,7.6 size screen 0.006 front fc rgb "#d55e00" fs solid noborder
set arrow from first 100,17.4 to first 100,16.529999999999998 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set arrow from first 100,17.4 to first 100,18.27 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set object circle at 100,17.4 size screen 0.006 front fc rgb "#d55e00" fs solid noborder
set arrow from first 96,3.42 to first 96,3.2489999999999997 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 96,3.42 to first 96,3.591 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set object circle at 96,3.42 size screen 0.006 front fc rgb "#0072b2" fs solid noborder
set arrow from first 63,1.2 to first 63,1.14 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set arrow from first 63,1.2 to first 63,1.26 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set object circle at 63,1.2 size screen 0.006 front fc rgb "#d55e00" fs solid noborder
set arrow from first 99,12 to first 99,11.399999999999999 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set arrow from first 99,12 to first 99,12.600000000000001 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set object circle at 99,12 size screen 0.006 front fc rgb "#d55e00" fs solid noborder
set label 'mps-75' at first 63, graph 0.3095 left offset 0.5,0.5 textcolor rgb "#1f2937"
set label 'mps-priority' at first 96, graph 0.5406 right offset -0.5,0.5 textcolor rgb "#1f2937"
set label 'time-slicing' at first 90, graph 0.7169 right offset -0.5,0.5 textcolor rgb "#1f2937"
set label 'streams' at first 99, graph 0.8177 right offset -0.5,0.5 textcolor rgb "#1f2937"
set label 'mps' at first 100, graph 0.8997 right offset -0.5,0.5 textcolor rgb "#1f2937"
plot 0.0002953333333333333 with lines lt 0 lw 0
unset label
unset arrow
unset object
set margins screen 0.58, screen 0.98, screen 0.17, screen 0.88
set title 'beside decode' textcolor rgb "#1f2937" offset 0,-0.4
set logscale y
set xrange [50:102]
set yrange [0.29533333333333334:27.405]
set ytics ('0.3' 0.30000000000000004, '1' 1, '3' 3, '10' 10)
set xlabel 'throughput that the neighbours keep, %' textcolor rgb "#5b6575"
set ylabel 'p99 latency (95 %), ms' textcolor rgb "#5b6575"
set arrow from graph 0,first 0.443 to graph 1,first 0.443 nohead dt 2 lw 1.5 lc rgb "#5b6575"
set label 'alone' at graph 0.02,first 0.443 offset 0,0.5 textcolor rgb "#5b6575"
set arrow from first 90,5.3 to first 90,5.034999999999999 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set arrow from first 90,5.3 to first 90,5.565 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#d55e00"
set object circle at 90,5.3 size screen 0.006 front fc rgb "#d55e00" fs solid noborder
set arrow from first 93,0.474 to first 93,0.4503 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 93,0.474 to first 93,0.4977 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set object circle at 93,0.474 size screen 0.006 front fc rgb "#0072b2" fs solid noborder
set label 'mps' at first 93, graph 0.1044 right offset -0.5,0.5 textcolor rgb "#1f2937"
set label 'time-slicing' at first 90, graph 0.6373 right offset -0.5,0.5 textcolor rgb "#1f2937"
plot 0.0002953333333333333 with lines lt 0 lw 0
unset multiplot
