#!/usr/bin/env bash
# plot.sh RUN... [OPTION...] - plots columns of the CSV files of runs, in the terminal or as a picture.
#
# Without options: the losses over the steps and, for the built-in stories, the entropy floor, which no
# model can go below. RUN is a run folder, with its log.csv; several runs share one plot.
#
#   --file log|layers|tensors|spikes
#                               which CSV file; docs/files.md, layers.md and spikes.md list the columns
#   --x COLUMN                  step, or layer in layers.csv, where an MLP is half a layer further
#   --y COLUMN[,COLUMN...]      the losses, variance in layers.csv, rms in tensors.csv, z in spikes.csv; val_bpb and
#                               train_bpb are the losses in bits per byte, for runs with different tokenizers
#   --where COLUMN=VALUE        only these records, may be repeated; "last" is the value in the last
#                               record. Default for layers.csv: step=last site=stream position=rest,
#                               for tensors.csv: tensor=last
#   --smooth N                  each point is the mean of the last N points
#   --log x|y|xy                logarithmic axes
#   --out FILE                  a picture, FILE.png or FILE.svg
#   --term                      in the terminal, as without --out; COLUMNS is the width
#
# An empty field is a missing value and is skipped; nan and inf interrupt the curve.
set -euo pipefail
source "$(dirname "$0")/usage.sh"

runs=() where=() file=log x="" y="" smooth=1 log="" out="" terminal=no
while (($#)); do
    case $1 in
    --term) terminal=yes && shift && continue ;;
    --file | --x | --y | --where | --smooth | --log | --out) (($# > 1)) || wrong "$1 needs a value" ;;
    -*) wrong "there is no option $1" ;;
    *) runs+=("$1") && shift && continue ;;
    esac
    case $1 in
    --file) file=$2 ;;
    --x) x=$2 ;;
    --y) y=$2 ;;
    --where) where+=("$2") ;;
    --smooth) smooth=$2 ;;
    --log) log=$2 ;;
    --out) out=$2 ;;
    esac
    shift 2
done

((${#runs[@]})) || wrong "RUN is missing"
[[ $smooth =~ ^[1-9][0-9]{0,8}$ ]] || wrong "--smooth takes an integer from 1 on, not \"$smooth\""
[[ $log =~ ^(|x|y|xy)$ ]] || wrong "--log takes x, y or xy, not \"$log\""
[[ $out =~ (^|\.png|\.svg)$ ]] || wrong "--out takes FILE.png or FILE.svg, not \"$out\""
[[ -z $out || $terminal == no ]] || wrong "--out and --term exclude each other"
for filter in "${where[@]}"; do
    [[ $filter == ?*=* ]] || wrong "--where takes COLUMN=VALUE, not \"$filter\""
done
case $file in
log) x=${x:-step} y=${y:-train_loss,val_loss} style="lines linewidth 2" ;;
layers)
    x=${x:-layer} y=${y:-variance} style=linespoints
    ((${#where[@]})) || where=(step=last site=stream position=rest)
    ;;
tensors)
    x=${x:-step} y=${y:-rms} style=linespoints
    ((${#where[@]})) || where=(tensor=last)
    ;;
spikes) x=${x:-step} y=${y:-z} style=points ;;
*) wrong "--file takes log, layers, tensors or spikes, not \"$file\"" ;;
esac
IFS=, read -ra columns <<<"$y"

# The column of log.csv that a name stands for: val_bpb is val_loss, divided by unit_of.
column_of() {
    if [[ $file == log && $1 =~ ^(train|val)_bpb$ ]]; then echo "${1%bpb}loss"; else echo "$1"; fi
}

# unit_of RUN NAME: nats per token that make one bit per byte; 1 for other columns.
unit_of() {
    local bytes
    [[ $(column_of "$2") != "$2" ]] || { echo 1 && return; }
    bytes=$(sed -n 's/.*"val_bytes_per_token": \([0-9][0-9.e+-]*\).*/\1/p' "$1/run.json" 2>/dev/null || true)
    [[ -n $bytes ]] || wrong "$1 has no $2: the bytes of its validation tokens are unknown"
    awk -v bytes="$bytes" 'BEGIN { printf "%.15g\n", log(2) * bytes }'
}

# Checks that every run has the file, and the file every column.
check_columns() {
    local run table header column
    for run in "${runs[@]}"; do
        table=$run/$file.csv
        [[ -f $table && -r $table ]] || { echo "plot.sh: cannot read $table; is $run a run folder?" >&2 && exit 3; }
        header=$(head -n 1 "$table")
        for column in "$x" "${columns[@]}" "${where[@]%%=*}"; do
            column=$(column_of "$column")
            [[ ,$header, == *,"$column",* ]] ||
                wrong "$table has no column \"$column\", only ${header//,/, }"
        done
    done
}

# points CSV COLUMN UNIT: x and y / UNIT of each point; an empty line interrupts the curve. The file is read
# twice: its last record defines "last".
points() {
    local IFS=$'\n' csv=$1
    [[ $csv == /* ]] || csv=./$csv # awk takes NAME=... for an assignment
    X=$x Y=$(column_of "$2") WHERE=${where[*]} awk -F, -v smooth="$smooth" -v unit="$3" '
        function finite(value) { return value !~ /^-?(nan|inf)$/ }
        function number(column) {
            if ($at[column] ~ /^-?([0-9.]+(e[-+]?[0-9]+)?|nan|inf)$/) return $at[column]
            printf "plot.sh: column %s contains text, not numbers: \"%s\"\n", column, $at[column] >"/dev/stderr"
            exit 2
        }
        NR == FNR { last = $0; next }
        FNR == 1 {
            for (i = 1; i <= NF; i++) at[$i] = i
            fields = NF
            split(last, end)
            filters = split(ENVIRON["WHERE"], filter, "\n")
            for (i = 1; i <= filters; i++) {
                sign = index(filter[i], "=")
                column[i] = at[substr(filter[i], 1, sign - 1)]
                want[i] = substr(filter[i], sign + 1)
                if (want[i] == "last") want[i] = end[column[i]]
            }
            next
        }
        NF < fields { next } # the run is writing this record
        {
            for (i = 1; i <= filters; i++) if ($column[i] "" != want[i] "") next
            if ($at[ENVIRON["X"]] == "" || $at[ENVIRON["Y"]] == "") next
            x = number(ENVIRON["X"]); y = number(ENVIRON["Y"])
            if (!finite(x) || !finite(y)) { print ""; count = 0; next }
            if (ENVIRON["X"] == "layer" && $at["sublayer"] == "mlp") x += 0.5
            recent[count++ % smooth] = y
            n = count < smooth ? count : smooth
            for (sum = i = 0; i < n; i++) sum += recent[i]
            printf "%.15g %.15g\n", x, sum / n / unit
        }' "$csv" "$csv"
}

# Quotes and special characters of gnuplot are removed from a legend.
legend() {
    tr -dc '[:alnum:] ._/+*,=-' <<<"$1"
}

# The curves that have points, as arguments of the plot command; their points are in $tmp.
curves() {
    local run column name unit curve=0
    for run in "${runs[@]}"; do
        for column in "${columns[@]}"; do
            curve=$((curve + 1))
            unit=$(unit_of "$run" "$column")
            points "$run/$file.csv" "$column" "$unit" >"$tmp/$curve"
            grep -q . "$tmp/$curve" || { echo "plot.sh: $run/$file.csv: no $column to plot" >&2 && continue; }
            name=$column
            ((${#runs[@]} == 1)) || name="$(basename "$run") $column"
            echo "'$tmp/$curve' using 1:2 with $style title '$(legend "$name")'"
        done
    done
}

# The distinct entropy floors of the runs, in the unit of the losses.
floors() {
    local run floor unit
    for run in "${runs[@]}"; do
        [[ -r $run/run.json ]] || continue
        unit=$(unit_of "$run" "${columns[0]}")
        floor=$(sed -n 's/.*"entropy_floor": \([0-9][0-9.e-]*\).*/\1/p' "$run/run.json")
        [[ -z $floor ]] || awk -v floor="$floor" -v unit="$unit" 'BEGIN { printf "%.15g\n", floor / unit }'
    done | sort -u | while read -r floor; do echo "$floor with lines linewidth 2 linecolor 'black' dashtype 2 title 'entropy floor'"; done
}

# The settings of gnuplot.
settings() {
    local title label=$losses width=${COLUMNS:-}
    [[ -n $width || ! -t 1 ]] || width=$(tput cols 2>/dev/null) || true
    [[ $width =~ ^[1-9][0-9]{1,3}$ ]] || width=79
    title=$(legend "${where[*]}")
    ((${#runs[@]} > 1)) || title="$(legend "$(basename "$(realpath "${runs[0]}")")") $title"
    case $out in
    "") echo "set terminal dumb size $width, 24" ;;
    *.png) echo "set terminal png noenhanced size 960, 600" ;;
    *.svg) echo "set terminal svg noenhanced size 960, 600 background 'white'" ;;
    esac
    [[ -n $losses ]] || label=$y
    [[ -z $losses || $log == *y* ]] || echo "set yrange [0:]"
    [[ -z $log ]] || echo "set logscale $log"
    cat <<SETTINGS
set title '$title' noenhanced
set xlabel '$(legend "$x")' noenhanced
set ylabel '$(legend "$label")' noenhanced
set key below width 2 noenhanced
set grid
SETTINGS
}

check_columns
command -v gnuplot >/dev/null || { echo "plot.sh: needs gnuplot; scripts/install-packages.sh plot" >&2 && exit 1; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
losses="" # their unit, if only losses are plotted
if [[ $file == log && ,$y, =~ ^(,train_loss|,val_loss)+,$ ]]; then losses="nats per token"; fi
if [[ $file == log && ,$y, =~ ^(,train_bpb|,val_bpb)+,$ ]]; then losses="bits per byte"; fi

curves >"$tmp/curves"
[[ -s $tmp/curves ]] || { echo "plot.sh: nothing to plot" >&2 && exit 3; }
[[ -z $losses ]] || floors >>"$tmp/curves"
{ settings && echo "plot $(paste -sd , "$tmp/curves")"; } >"$tmp/commands"
gnuplot "$tmp/commands" >"$tmp/picture"
[[ -s $tmp/picture ]] || { echo "plot.sh: no picture in $tmp: is its disk full?" >&2 && exit 4; }
if [[ -n $out ]]; then
    # The picture appears complete or not at all.
    { cp "$tmp/picture" "$out.tmp" && mv -f "$out.tmp" "$out"; } 2>/dev/null ||
        { rm -f "$out.tmp" && echo "plot.sh: cannot write $out" >&2 && exit 4; }
else
    code=0
    cat "$tmp/picture" 2>/dev/null || code=$?
    ((code <= 128)) || exit "$code" # the reader has gone
    ((code == 0)) || { echo "plot.sh: cannot write to standard output" >&2 && exit 4; }
fi
