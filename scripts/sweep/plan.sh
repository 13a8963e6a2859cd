# shellcheck shell=bash
# sweep/plan.sh - the plan of a sweep: from a file and options to named runs; sourced, not run.
#
# plan() reads $file and $options and sets the variables below. Values are JSON or plain words, as for
# ./train --set. The seed is a key like others, except that all runs of its first value come before
# those of its second.
# shellcheck disable=SC2154 # sweep.sh assigns file and options
shopt -s extglob

config='' out='' jobs=1 threads=1
sets=()               # KEY=VALUE for every run
keys=()               # keys that vary
names=()              # names of the runs
declare -A choices=() # KEY: its values, one per line
declare -A fixed=() # KEY: set by an option
declare -A pieces=() # KEY=VALUE: its part of a name
declare -A words=() # NAME: KEY=VALUE of that run, one per line
# An arm is the runs that differ in learning rate and seed alone, as in a report.
declare -A arm_of=()   # NAME: its arm
declare -A steps_of=() # ARM: train.steps, of a sweep at equal time

plan() {
    local i
    if is_sweep; then read_sweep; else config=$file; fi
    for ((i = 0; i < ${#options[@]}; i += 2)); do
        [[ ${options[i]} != set ]] || fix "${options[i + 1]%%=*}"
    done
    for ((i = 0; i < ${#options[@]}; i += 2)); do take_option "${options[i]}" "${options[i + 1]}"; done
    [[ -n $out ]] || refuse "the folder of the runs is missing: --out DIR"
    ((${#keys[@]})) || refuse "nothing varies in $file: --grid KEY=A,B or --seeds N"
    name_values
    expand_all
}

# divide_cores: sets $threads; a CPU quota may leave fewer cores than nproc counts.
divide_cores() {
    local cores
    cores=$("$TRAIN" --version 2>/dev/null </dev/null | sed -n 's/^threads *//p') || true
    threads=$((${cores:-$(nproc)} / jobs))
    ((threads)) || threads=1
}

# take_option NAME VALUE
take_option() {
    local name=$1 value=$2 list
    case $name in
    grid | set) [[ $value == ?*=* ]] || refuse "--$name takes KEY=VALUE, not \"$value\"" ;;
    seeds | jobs)
        [[ $value =~ ^[1-9][0-9]{0,3}$ ]] || refuse "--$name takes an integer from 1 to 9999, not \"$value\""
        ;;
    esac
    case $name in
    grid)
        IFS=, read -ra list <<<"${value#*=},"
        vary "${value%%=*}" "${list[@]}"
        ;;
    seeds)
        mapfile -t list < <(seq "$value")
        vary train.seed "${list[@]}"
        ;;
    set) sets+=("$value") ;;
    out) out=${value%/} ;;
    jobs) jobs=$value ;;
    esac
}

# vary KEY VALUE...: replaces the values of a key.
vary() {
    [[ -z ${fixed[$1]+there} ]] || refuse "$1 cannot both vary and have a value of --set"
    [[ -n ${choices[$1]+there} ]] || keys+=("$1")
    choices[$1]=$(printf '%s\n' "${@:2}")
}

# fix KEY: an option sets it, so that it no longer varies.
fix() {
    local key rest=()
    for key in "${keys[@]}"; do [[ $key == "$1" ]] || rest+=("$key"); done
    keys=("${rest[@]}")
    # shellcheck disable=SC2016 # expanded by unset, once: twice would run the commands in a key
    unset 'choices[$1]'
    fixed[$1]=yes
}

# --- the file ---

# $file as plain JSON with the same lines.
without_comments() {
    sed -E 's#^(([^"/]|"([^"\\]|\\.)*"|/[^/])*)//.*#\1#' "$file"
}

# A config of the trainer does not have these keys.
is_sweep() {
    [[ -f $file && -r $file ]] && grep -qE '"(config|set|grid|seeds)" *:' <<<"$(without_comments)"
}

# A program for jq: checks a sweep and prints a line for each of its parts: kind, key and values, separated by tabs.
# shellcheck disable=SC2016 # variables of jq
sweep_lines='
def need(good; $what): if good then . else error($what) end;
["about", "config", "grid", "out", "seeds", "set"] as $known
| need(type == "object"; "a sweep is a JSON object")
| (keys - $known) as $unknown
| need($unknown == []; "unknown key \"\($unknown[0])\"; a sweep has \($known | join(", "))")
| need((.about // "" | type) == "string"; "about is a string")
| need((.config | type) == "string"; "config is the name of a file")
| need((.out // "" | type) == "string"; "out is the name of a folder")
| need((.set // {} | type) == "object"; "set is an object, {\"KEY\": VALUE}")
| need((.grid // {} | type) == "object"; "grid is an object, {\"KEY\": [VALUE, ...]}")
| need(all(.grid // {} | .[]; type == "array" and length > 0); "every key of grid has a list of values")
| (if has("seeds") then .seeds else [] end) as $seeds
| need($seeds | type == "number" and . >= 1 and . == floor or type == "array" and all(.[]; type == "number");
    "seeds is an integer from 1 on, or a list of integers")
| ["config", .config], ["out", .out // ""],
  (.set // {} | to_entries[] | ["set", .key, (.value | tojson)]),
  (.grid // {} | to_entries[] | ["grid", .key, (.value[] | tojson)]),
  ["grid", "train.seed", ($seeds | if type == "number" then range(1; . + 1) else .[] end | tostring)]
| select(length > 2 or .[0] != "grid")
| join("\t")'

read_sweep() {
    local lines part
    command -v jq >/dev/null || refuse "reading $file takes jq: scripts/install-packages.sh sweep" 1
    lines=$(without_comments | jq -r "$sweep_lines" 2>&1) || refuse "$file: $(sed -E 's/^jq: error \(at [^)]*\): |^parse error: //' <<<"$lines")"
    while IFS=$'\t' read -ra part; do
        case ${part[0]} in
        config) config=$(find_config "${part[1]}") ;;
        out) out=${part[1]:-} ;;
        set) sets+=("${part[1]}=${part[2]}") ;;
        grid) vary "${part[@]:1}" ;;
        esac
    done <<<"$lines"
}

# find_config CONFIG: as given, in the folder of $file or in configs/ beside that.
find_config() {
    local folder found
    folder=$(dirname "$file")
    for found in "$1" "$folder/$1" "$folder/../configs/$1"; do
        [[ ! -e $found ]] || { echo "$found" && return; }
    done
    echo "$1"
}

# --- names ---

# name_values: sets pieces. Two values of a key with the same piece would be one run.
name_values() {
    local key value piece label
    local -A taken=()
    for key in "${keys[@]}"; do
        label=$(label_of "$key")
        while IFS= read -r value; do
            piece=$(piece_of "$label" "$value")
            [[ -z ${taken[$key=$piece]+there} ]] ||
                refuse "two values of $key give runs of the same name: ${taken[$key=$piece]} and $value"
            taken[$key=$piece]=$value
            pieces[$key=$value]=$piece
        done <<<"${choices[$key]}"
    done
}

# label_of KEY: the prefix of its values: the last part of the key, or all of it if two end in the same.
label_of() {
    local key
    case $1 in
    model.topology | model.norm) return ;;
    train.seed) echo s && return ;;
    esac
    for key in "${keys[@]}"; do
        [[ $key == "$1" || ${key##*.} != "${1##*.}" ]] || { echo "$1" && return; }
    done
    echo "${1##*.}"
}

# piece_of LABEL VALUE: numbers in a normal form, so that 3e-4 and 0.0003 are the same; of strings, the
# characters that are safe in file names.
piece_of() {
    local value=$2 power
    if [[ $value =~ ^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$ ]]; then
        printf -v value '%.9e' "$value"
        power=$((10#${value#*e[-+]}))
        if [[ $value == *e-* ]] && ((power > 2)); then
            value=$(sed -E 's/\.?0*e.*//' <<<"$value")e-$power
        else
            printf -v value '%.10g' "$2"
        fi
        echo "$1${value/e+/e}"
    else
        value=${value//+([^[:alnum:].+-])/_}
        value=${value#_} value=${value%_}
        echo "$1${1:+${value:+_}}$value"
    fi
}

# --- runs ---

expand_all() {
    local key seed others=()
    for key in "${keys[@]}"; do [[ $key == train.seed ]] || others+=("$key"); done
    if [[ -z ${choices[train.seed]+there} ]]; then
        expand "" "${others[@]}"
        return
    fi
    while IFS= read -r seed; do
        expand "train.seed=$seed" "${others[@]}"
    done <<<"${choices[train.seed]}"
}

# expand WORDS KEY...: adds a run for every combination of values of the KEYs.
expand() {
    local key=${2:-} value name arm
    if [[ -z $key ]]; then
        name_run "$1"
        [[ -z ${words[$name]+there} ]] || refuse "two runs would be called $name"
        add_run "$1"
        return
    fi
    while IFS= read -r value; do
        expand "$1"$'\n'"$key=$value" "${@:3}"
    done <<<"${choices[$key]}"
}

# name_run WORDS: sets $name and $arm, the name without the learning rate and the seed.
name_run() {
    local word ending=''
    name='' arm=''
    while IFS= read -r word; do
        case $word in
        '') ;;
        train.seed=*) ending=-${pieces[$word]} ;;
        optim.lr=*) name+=-${pieces[$word]} ;;
        *) name+=-${pieces[$word]} arm+=-${pieces[$word]} ;;
        esac
    done <<<"$1"
    name=$name$ending
    name=${name#-} arm=${arm#-}
    arm=${arm:-all}
}

add_run() {
    local name arm
    name_run "$1"
    names+=("$name")
    words[$name]=$1
    arm_of[$name]=$arm
}

# arms: the arms of the runs, one per line, in the order of the grid.
arms() {
    local name
    for name in "${names[@]}"; do echo "${arm_of[$name]}"; done | awk '!seen[$0]++'
}

# rate_of NAME: its optim.lr, empty if that does not vary.
rate_of() {
    sed -n 's/^optim\.lr=//p' <<<"${words[$1]}"
}

# args_of NAME: sets $args to the arguments of the trainer, without the folder.
args_of() {
    local word steps=${steps_of[${arm_of[$1]}]:-}
    args=(--config "$config" --set "train.threads=$threads" --set "name=$1")
    for word in "${sets[@]}"; do args+=(--set "$word"); done
    while IFS= read -r word; do [[ -z $word ]] || args+=(--set "$word"); done <<<"${words[$1]}"
    [[ -z $steps ]] || args+=(--set "train.steps=$steps")
}
