#!/usr/bin/env bash
# cli_plot.sh - scripts/plot.sh: the points it plots, its settings, and its error messages.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# A gnuplot that prints its commands and the points of the files in them.
mkdir "$tmp/bin"
cat >"$tmp/bin/gnuplot" <<'BASH'
#!/bin/bash
cat "$1"
for points in $(grep -o "'[^']*' using" "$1" | cut -d"'" -f2); do echo "points" && cat "$points"; done
BASH
chmod +x "$tmp/bin/gnuplot"

# run NAME: a run folder with small files of known numbers; log.csv is read from stdin.
run() {
    mkdir "$tmp/$1"
    printf '{"entropy_floor": 0.25}\n' >"$tmp/$1/run.json"
    cat >"$tmp/$1/log.csv"
}
run one <<'CSV'
step,tokens,train_loss,val_loss
0,0,,8
1,10,6,
2,20,4,
3,30,nan,
4,40,2,3
CSV
run two <<'CSV'
step,tokens,train_loss,val_loss
1,10,5,
CSV
cat >"$tmp/one/tensors.csv" <<'CSV'
step,tensor,rms,grad_rms,update_rms
5,tok_emb.weight,0.02,1e-3,1e-4
5,final_norm.gamma,1,,
10,tok_emb.weight,0.03,1e-3,0
10,final_norm.gamma,1.5,1e-3,1e-4
CSV
cat >"$tmp/one/layers.csv" <<'CSV'
step,layer,sublayer,site,position,variance
5,0,embedding,stream,rest,9
10,0,embedding,stream,first,9
10,0,embedding,stream,rest,1
10,1,attn,stream,rest,2
10,1,attn,branch,rest,7
10,1,mlp,stream,rest,3
10,2,final,stream,rest,4
CSV

# drawn ARGUMENT...: sets $said to what plot.sh passes to gnuplot.
drawn() {
    said=$(cd "$tmp" && PATH=$tmp/bin:$PATH "$OLDPWD/scripts/plot.sh" "$@" 2>&1) || fail "plot.sh $*: $said"
}

# points WANT ARGUMENT...: the points of all curves; "|" is a gap or the next curve.
points() {
    drawn "${@:2}"
    same "plot.sh ${*:2}" "$(sed '1,/^points/d; s/^points$//; s/^$/|/' <<<"$said" | paste -sd ' ')" "$1"
}

losses_are_the_default() {
    points "1 6 2 4 | 4 2 | 0 8 4 3" one
    has "title" "$said" "set title 'one "
    has "label" "$said" "set ylabel 'nats per token'"
    has "legend" "$said" "title 'train_loss'"
    has "floor" "$said" "0.25 with lines linewidth 2 linecolor 'black' dashtype 2 title 'entropy floor'"
    has "terminal" "$said" "set terminal dumb"
    drawn one --term
    has "terminal" "$said" "set terminal dumb size 79, 24"
    COLUMNS=120 drawn one
    has "width" "$said" "set terminal dumb size 120, 24"
}

any_column_is_drawn() {
    points "6 10 4 20 | 2 40" one --x train_loss --y tokens
    [[ $said != *floor* ]] || fail "a floor in a plot of tokens"
    points "1 10" one --y tokens --where train_loss=6
    points "4 40" one --y tokens --where step=last
    drawn one --y tokens --log xy
    has "logarithms" "$said" "set logscale xy"
}

a_floor_is_not_always_known() {
    run text <<<$'step,train_loss,val_loss\n1,6,5'
    echo '{"entropy_floor": null}' >"$tmp/text/run.json"
    drawn text
    [[ $said != *floor* ]] || fail "a floor of a text: $said"
    rm "$tmp/text/run.json"
    points "1 6 | 1 5" text
}

losses_are_drawn_per_byte() {
    run bytes <<<$'step,tokens,train_loss,val_loss\n1,1,2.77258872223978,1.38629436111989'
    refused 2 "bytes has no val_bpb: the bytes of its validation tokens are unknown; --help says more" bytes --y val_bpb
    printf '{"entropy_floor": 0.34657359028, "val_bytes_per_token": 2}\n' >"$tmp/bytes/run.json"
    points "1 1 | 1 2" bytes --y val_bpb,train_bpb
    has "label" "$said" "set ylabel 'bits per byte'"
    has "floor" "$said" "0.25"
}

runs_share_a_picture() {
    points "1 6 2 4 | 4 2 | 1 5" one two --y train_loss
    has "first" "$said" "title 'one train_loss'"
    has "second" "$said" "title 'two train_loss'"
    same "floors" "$(grep -o 'entropy floor' <<<"$said" | wc -l)" 1
    drawn one two
    has "an empty column" "$said" "plot.sh: two/log.csv: no val_loss to plot"
}

smoothing_is_a_running_mean() {
    points "0 0 1 5 2 15 3 25 4 35" one --y tokens --smooth 2
    points "0 0 1 5 2 10 3 15 4 25" one --y tokens --smooth 4
    points "1 6 2 5 | 4 2" one --y train_loss --smooth 3
}

layers_are_drawn_over_depth() {
    points "0 1 1 2 1.5 3 2 4" one --file layers
    points "1 7" one --file layers --where site=branch
    points "0 9 0 9 0 1" one --file layers --where layer=0 --where sublayer=embedding
}

tensors_are_drawn_over_steps() {
    points "5 0.02 10 0.03" one --file tensors --where tensor=tok_emb.weight
    points "5 1 10 1.5" one --file tensors # the last tensor
    points "5 0.0001 10 0" one --file tensors --y update_rms --where tensor=tok_emb.weight
}

# refused CODE MESSAGE ARGUMENT...
refused() {
    local got=0
    said=$(cd "$tmp" && PATH=$tmp/bin:$PATH "$OLDPWD/scripts/plot.sh" "${@:3}" 2>&1 >"$tmp/out") || got=$?
    same "plot.sh ${*:3}" "$got: $said" "$1: plot.sh: $2"
    [[ ! -s $tmp/out ]] || fail "plot.sh ${*:3}: drew something"
}

mistakes_are_refused() {
    local more="; --help says more"
    refused 2 "RUN is missing$more"
    refused 2 "there is no option --zebra$more" one --zebra
    refused 2 "--y needs a value$more" one --y
    refused 2 "one/log.csv has no column \"loss\", only step, tokens, train_loss, val_loss$more" one --y loss
    refused 2 "one/log.csv has no column \"zebra\", only step, tokens, train_loss, val_loss$more" one --where zebra=1
    refused 2 "--where takes COLUMN=VALUE, not \"step\"$more" one --where step
    refused 2 "--file takes log, layers, tensors or spikes, not \"run\"$more" one --file run
    refused 2 "--smooth takes an integer from 1 on, not \"0\"$more" one --smooth 0
    refused 2 "--log takes x, y or xy, not \"z\"$more" one --log z
    refused 2 "--out takes FILE.png or FILE.svg, not \"a.gif\"$more" one --out a.gif
    refused 2 "--out and --term exclude each other$more" one --out a.png --term
    refused 2 "column site contains text, not numbers: \"stream\"" one --file layers --y site
    refused 3 "cannot read none/log.csv; is none a run folder?" none
    refused 3 "cannot read one/spikes.csv; is one a run folder?" one --file spikes
    refused 3 $'one/log.csv: no tokens to plot\nplot.sh: nothing to plot' one --y tokens --where step=7
    refused 4 "cannot write none/a.png" one --out none/a.png
}

gnuplot_draws() {
    if ! command -v gnuplot >/dev/null; then
        echo "note: skipped plot.sh: no gnuplot"
        return
    fi
    local run="$tmp/it's \$one"
    toy real --set log.layers_every=10
    has "plot" "$(scripts/plot.sh "$tmp/real")" "entropy floor"
    has "layers" "$(scripts/plot.sh "$tmp/real" --file layers --log y)" "site=stream"
    cp -r "$tmp/real" "$run"
    scripts/plot.sh "$tmp/real" "$run" --out "$tmp/loss.png"
    same "picture" "$(head -c 4 "$tmp/loss.png" | tail -c 3)" PNG
    scripts/plot.sh "$tmp/real" "$run" --smooth 5 --out "$tmp/loss.svg"
    has "picture" "$(cat "$tmp/loss.svg")" "its one train_loss"
}

test_case "plot: losses by default" losses_are_the_default
test_case "plot: any column over any other" any_column_is_drawn
test_case "plot: without an entropy floor" a_floor_is_not_always_known
test_case "plot: bits per byte" losses_are_drawn_per_byte
test_case "plot: several runs" runs_share_a_picture
test_case "plot: --smooth" smoothing_is_a_running_mean
test_case "plot: layers.csv" layers_are_drawn_over_depth
test_case "plot: tensors.csv" tensors_are_drawn_over_steps
test_case "plot: mistakes" mistakes_are_refused
test_case "plot: gnuplot draws" gnuplot_draws
test_done
