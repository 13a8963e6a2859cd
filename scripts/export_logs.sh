#!/usr/bin/env bash
# export_logs.sh RUN --to FORMAT [OUT] - writes the CSV files of a run in the format of another program.
#
#     --to jsonl           one JSON object a line, to OUT or standard output; needs only Python 3
#     --to tensorboard     an event file in the folder OUT (RUN/tensorboard), through tensorboardX
#     --to wandb-offline   an offline run in the folder OUT (RUN/wandb), through wandb, without network or login
#
# RUN is a run folder: log.csv, and layers.csv, tensors.csv and spikes.csv if there are any. OUT must not exist.
# scripts/install-packages.sh tensorboard or wandb installs the library. docs/reading_logs.md describes what is written.
# Exit codes: 1 a library is missing, 2 arguments, 3 RUN is no run, 4 writing.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
here=$(dirname "$0")

run='' to='' out=''
while (($#)); do
    case $1 in
    --to)
        (($# > 1)) || wrong "--to needs a format"
        to=$2
        shift
        ;;
    -*) wrong "unknown option $1" ;;
    *) if [[ -z $run ]]; then run=$1; elif [[ -z $out ]]; then out=$1; else wrong "takes RUN and OUT, not also $1"; fi ;;
    esac
    shift
done
[[ -n $run ]] || wrong "RUN is missing"
case $to in
jsonl) module=json group=report ;;
tensorboard) module=tensorboardX group=tensorboard out=${out:-$run/tensorboard} ;;
wandb-offline) module=wandb group=wandb out=${out:-$run/wandb} ;;
'') wrong "--to is missing: jsonl, tensorboard or wandb-offline" ;;
*) wrong "--to takes jsonl, tensorboard or wandb-offline, not \"$to\"" ;;
esac
for name in log.csv config.json; do
    [[ -e $run/$name ]] || { echo "$script_name: $run is no run: it has no $name" >&2 && exit 3; }
done
[[ -z $out || ! -e $out ]] || wrong "$out exists; remove it, or choose another OUT"

# The library may be in the virtual environment of install-packages.sh or among the packages of the system.
for python in "${XDG_CACHE_HOME:-$HOME/.cache}/peri/venv/bin/python" python3; do
    if "$python" -c "import $module" >/dev/null 2>&1; then
        exec "$python" -B "$here/export" "$to" "$run" "$out"
    fi
done
echo "$script_name: --to $to needs ${module/json/Python 3}: scripts/install-packages.sh $group" >&2
exit 1
