set encoding utf8
set terminal svg noenhanced size 960,400 font "sans-serif,13" background "#fefefe"
set multiplot
set border 3 lc rgb "#5b6575"
set tics out scale 0.5 textcolor rgb "#5b6575"
set xtics nomirror
set ytics nomirror
set grid lt 1 lw 1 lc rgb "#e1e5ea"
set key top left reverse Left textcolor rgb "#1f2937"
set xlabel 'agents on the device' textcolor rgb "#5b6575"
set margins screen 0.0600, screen 0.4700, screen 0.16, screen 0.9
unset arrow
set title 'latency p99, ms (95 %)' textcolor rgb "#1f2937"
unset logscale x
set xrange [1.5:4.5]
set xtics (2, 3, 4)
set logscale y
set ytics nomirror ('5' 5, '10' 10, '20' 20, '50' 50)
set yrange [3.3120000000000007:53.98404368275244]
set arrow from first 2,5.4 to first 2,4.968000000000001 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 2,5.4 to first 2,5.832000000000001 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 3,11.2 to first 3,10.304 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 3,11.2 to first 3,12.096 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 4,22.5 to first 4,20.7 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 4,22.5 to first 4,24.3 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
plot '-' using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb "#0072b2" title 'router beside thinker|heavy'
2 5.4
3 11.2
4 22.5
e
set margins screen 0.5600, screen 0.9700, screen 0.16, screen 0.9
unset arrow
set title 'sum of throughput kept (1: one agent alone; 95 %)' textcolor rgb "#1f2937"
unset logscale x
set xrange [1.5:4.5]
set xtics (2, 3, 4)
unset logscale y
set ytics autofreq
set yrange [0:2.5194]
set arrow from first 2,1.9 to first 2,1.8619999999999999 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 2,1.9 to first 2,1.938 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 3,1.9 to first 3,1.8619999999999999 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 3,1.9 to first 3,1.938 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 4,1.87 to first 4,1.8326 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
set arrow from first 4,1.87 to first 4,1.9074000000000002 head size screen 0.004,90 fixed front lw 1.5 lc rgb "#0072b2"
plot '-' using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb "#0072b2" title 'router beside thinker|heavy'
2 1.9
3 1.9
4 1.87
e
unset multiplot
