#!/usr/bin/env bash
# plot.sh RUN [--png FILE] - draws the losses of a run against its entropy floor.
#
# In the terminal, or as a picture. RUN is the folder that holds log.csv and run.json; the floor,
# known for the built-in stories, is the line that no model can get below.
set -euo pipefail

if [[ $# -ne 1 && ! ($# -eq 3 && $2 == --png) ]]; then
    echo "usage: plot.sh RUN [--png FILE]" >&2
    exit 2
fi
run=$1
for file in "$run/log.csv" "$run/run.json"; do
    [[ -r $file ]] || { echo "plot.sh: cannot read $file; is $run a run?" >&2 && exit 3; }
done
command -v gnuplot >/dev/null || { echo "plot.sh: apt-get install gnuplot-nox" >&2 && exit 1; }

name=$(basename "$run" | tr -dc '[:alnum:]._-')
floor=$(sed -n 's/.*"entropy_floor": \([0-9.e-]*\).*/\1/p' "$run/run.json")
line=${floor:+, $floor with lines linewidth 2 title \"entropy floor\"}
terminal="dumb size 79, 24"
if [[ $# -eq 3 ]]; then
    terminal="png size 960, 600"
    exec >"$3"
fi

# A measurement that was not made is an empty field; the lines go on past it.
cd "$run"
gnuplot <<PLOT
set terminal $terminal
set datafile separator ","
set datafile missing ""
set title "$name" noenhanced
set xlabel "step"
set ylabel "nats per token"
set yrange [0:]
set grid
plot "log.csv" every ::1 using 1:3 with lines title "train", \
     "log.csv" every ::1 using 1:4 with lines linewidth 2 title "val" $line
PLOT
