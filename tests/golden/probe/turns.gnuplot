set encoding utf8
set terminal svg noenhanced size 760,420 font "sans-serif,14" background "#fefefe"
set border 3 lc rgb "#5b6575"
set tics out nomirror scale 0.5 textcolor rgb "#5b6575"
set grid lt 1 lw 1 lc rgb "#e1e5ea"
set key outside above textcolor rgb "#1f2937"
set logscale x
set xrange [1.6:8.97]
set yrange [0:1.02]
set xtics (2,3,4,6,8)
set xlabel 'length, ms' textcolor rgb "#5b6575" offset 0,0.4
set ylabel 'share at or below' textcolor rgb "#5b6575"
$curve0 << EOD
2.08 0
2.0913 0.5
2.1 1
EOD
$curve1 << EOD
2.38 0
2.395 0.5
2.41 1
EOD
$curve2 << EOD
6.87 0
6.883 0.5
6.9 1
EOD
plot $curve0 using 1:2 with lines lw 2.5 lc rgb "#0072b2" title 'turn, 2 contexts', $curve1 using 1:2 with lines lw 2.5 lc rgb "#d55e00" title 'gap, 2 contexts', $curve2 using 1:2 with lines lw 2.5 lc rgb "#cc79a7" title 'gap, 4 contexts'
