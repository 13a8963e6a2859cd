#!/usr/bin/env bash
# claims.sh OPTION... - measures the numbers of docs/claims.md, part by part, and writes that page.
#
#     --list             print the parts, and which of them have a CSV in docs/claims/
#     --part NAME        measure a part, if it has no CSV
#     --full             measure all parts without a CSV; the runs of the committed CSVs trained for
#                        3.4 hours, two at a time; a part that was stopped is resumed
#     --quick            run all parts with few steps and one seed, in a temporary folder: a test
#                        that every part still runs, without verdicts
#     --verdicts         print docs/claims/verdicts.json, from the CSVs
#     --page             print docs/claims.md, from verdicts.json
#     --tables           print docs/claims/tables.md, from verdicts.json
#     --pictures FOLDER  write the pictures of docs/claims.md, from verdicts.json and the CSVs
#     --deviations       print docs/claims/deviations.md, from the git history
#     --text FILE        tinyshakespeare.txt, for the parts of the character model
#     --jobs N           runs at once (all cores)
#
# A part is a sweep in sweeps/claims/ or a program in scripts/claims/. Its runs are kept in
# runs/claims/, its numbers in docs/claims/NAME.csv; remove that file to measure the part again.
# Parts whose runs other parts read come first.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."

parts=(pilot pilot_deep placement spikes lr_warmup depth depth_96 variance_init layernorm residual rmsnorm_lr gamma_warmup branch_warmup unnormed
    few_tokens dyt_start dyt_start_few pre_embed peri_bare literal batchnorm removal inference speed nanogpt_char nanogpt_bf16 embed_scale)
resumable=" nanogpt_char nanogpt_bf16 embed_scale " # their CSV grows run by run, and they read --text
runs=runs/claims csvs=docs/claims jobs=$(nproc) quick='' text=''

# measure NAME: runs a part and writes its CSV.
measure() {
    local name=$1 program=scripts/claims/$1.sh
    if [[ -x $program ]]; then
        "$program" "$runs" "$csvs/$name.csv" "$jobs" "$quick" "$text"
    else
        sweep "$name"
        python3 -B scripts/claims collect "$runs/$name" "$csvs/$name.csv"
    fi
}

# sweep NAME [OPTION...]
sweep() {
    local options=(--jobs "$jobs" --out "$runs/$1" "${@:2}")
    [[ -z $quick ]] || options+=(--seeds 1 --set train.steps=9 --set train.eval_every=3 --set log.layers_every=3)
    scripts/sweep.sh "sweeps/claims/$1.json" "${options[@]}"
}

# part NAME
part() {
    local start=$SECONDS
    [[ " ${parts[*]} " == *" $1 "* ]] || wrong "there is no part $1, only ${parts[*]}"
    [[ ! -e $csvs/$1.csv || $resumable == *" $1 "* ]] || { echo "$1: measured before, see $csvs/$1.csv" >&2 && return; }
    [[ $resumable != *" $1 "* || -n $text$quick ]] || { echo "$1: needs --text tinyshakespeare.txt" >&2 && return; }
    measure "$1" >&2
    echo "$1: measured in $((SECONDS - start)) s" >&2
}

list() {
    local name state
    for name in "${parts[@]}"; do
        state="to do"
        [[ ! -e $csvs/$name.csv ]] || state="$(($(wc -l <"$csvs/$name.csv") - 1)) lines"
        printf '%-14s %s\n' "$name" "$state"
    done
}

# output WORD [FOLDER]: prints a page, or writes pictures.
output() {
    case $1 in
    deviations) python3 -B scripts/claims deviations ;;
    *) python3 -B scripts/claims "$1" "$csvs" "${@:2}" ;;
    esac
}

# write_pages: replaces each file at once, or not at all.
write_pages() {
    output verdicts >docs/claims/verdicts.json.new && mv docs/claims/verdicts.json.new docs/claims/verdicts.json
    output page >docs/claims.md.new && mv docs/claims.md.new docs/claims.md
    output tables >docs/claims/tables.md.new && mv docs/claims/tables.md.new docs/claims/tables.md
    output pictures docs/claims
}

quick_all() {
    local name folder
    folder=$(mktemp -d)
    # shellcheck disable=SC2064 # with the value of now
    trap "rm -rf '$folder'" EXIT
    runs=$folder/runs csvs=$folder quick=yes
    for name in "${parts[@]}"; do part "$name"; done
    output verdicts >"$folder/verdicts.json"
    ! grep 'Not measured: .*runs with 0 seeds' "$folder/verdicts.json" >&2 || { echo "claims.sh: a claim has no runs" >&2 && exit 1; }
    echo "${#parts[@]} parts run"
}

(($#)) || wrong "nothing to do"
todo=()
while (($#)); do
    case $1 in
    --list | --full | --quick | --page | --tables | --verdicts | --deviations) todo+=("${1#--}") ;;
    --part | --text | --jobs | --pictures)
        (($# > 1)) || wrong "$1 needs a value"
        case $1 in
        --part) todo+=("part $2") ;;
        --pictures) todo+=("pictures $2") ;;
        --text) text=$(realpath "$2") ;;
        --jobs) jobs=$2 ;;
        esac
        shift
        ;;
    *) wrong "there is no option $1" ;;
    esac
    shift
done
[[ $jobs =~ ^[1-9][0-9]*$ ]] || wrong "--jobs takes an integer from 1 on, not \"$jobs\""
[[ -z $text || -r $text ]] || { echo "claims.sh: cannot read $text" >&2 && exit 3; }
for words in "${todo[@]}"; do
    case $words in
    list) list ;;
    page | tables | verdicts | deviations) output "$words" ;;
    pictures*) output pictures "${words#pictures }" ;;
    quick) quick_all ;;
    full)
        for name in "${parts[@]}"; do part "$name" && write_pages; done
        ;;
    part*) part "${words#part }" && write_pages ;;
    esac
done
