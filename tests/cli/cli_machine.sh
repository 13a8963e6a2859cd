#!/usr/bin/env bash
# cli_machine.sh - settings of OpenMP and OpenBLAS, other runtimes, the loader, little address space, old processors.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

unset OMP_NUM_THREADS OMP_WAIT_POLICY
# Matrices of 1024 on all sides, which go to OpenBLAS.
cat >"$tmp/wide.json" <<JSON
{
  "model": {"n_layer": 1, "n_head": 8, "d_model": 1024, "d_ff": 1024, "context": 1024},
  "data": {"train": "builtin:random", "vocab_size": 1024},
  "optim": {"lr": 1e-3, "warmup_steps": 1},
  "train": {"steps": 1, "batch": 1, "eval_every": 0, "threads": 2},
  "log": {"dir": "$tmp", "layers_every": 0}
}
JSON

# limited ARGUMENT...: at most five minutes, which a machine with many jobs may need; sets $said and $code.
limited() {
    code=0
    said=$(timeout -k 1 300 "$@" 2>&1 </dev/null) || code=$?
    ((code != 124 && code != 137)) || fail "no end after five minutes: $*"
}

# wide NAME THREADS SETTING...: one step with these settings, on so many threads.
wide() {
    limited env "${@:3}" "$TRAIN" --config "$tmp/wide.json" --set "name=$1"
    same "exit code with ${*:3}, which said $said" "$code" 0
    has "banner with ${*:3}" "$said" ", $2 threads"
    has "record with ${*:3}" "$(cat "$tmp/$1/run.json")" "\"threads\": $2"
    [[ $1 == plain ]] || cmp "$(weights plain)" "$(weights "$1")" || fail "other weights with ${*:3}"
    [[ $1 == plain ]] || rm -r "${tmp:?}/$1"
}

no_setting_matters() {
    wide plain 2 A=1
    wide limit 1 OMP_THREAD_LIMIT=1
    has "the limit" "$said" "OMP_THREAD_LIMIT allows 1 of train.threads = 2"
    wide dynamic 2 OMP_DYNAMIC=true OPENBLAS_NUM_THREADS=1 OPENBLAS_MAIN_FREE=1
    wide levels 2 OMP_MAX_ACTIVE_LEVELS=0 GOTO_NUM_THREADS=7 OMP_SCHEDULE=dynamic
    wide nested 2 OMP_NUM_THREADS=1,2 OMP_NESTED=true OMP_MAX_ACTIVE_LEVELS=4
    wide bound 2 OMP_PROC_BIND=spread OMP_PLACES=cores OMP_CANCELLATION=true
    wide bad 2 OMP_NUM_THREADS=many OPENBLAS_NUM_THREADS=0
}

# --bench and --dry-run time OpenBLAS with threads of its own.
probes_end() {
    limited env OMP_THREAD_LIMIT=1 "$TRAIN" --config "$tmp/toy.json" --set train.threads=2 --bench 2
    same "exit code of --bench" "$code" 0
    limited env OMP_DYNAMIC=true OMP_THREAD_LIMIT=1 "$TRAIN" --config "$tmp/wide.json" --dry-run
    same "exit code of --dry-run" "$code" 0
    has "--dry-run" "$said" ", 1 threads"
}

other_libraries() {
    local library
    library=$(find /usr/lib -name libomp.so.5 2>/dev/null | head -n 1)
    if [[ -n $library ]]; then
        mkdir -p "$tmp/libomp"
        ln -s "$library" "$tmp/libomp/libgomp.so.1"
        wide libomp 2 "LD_LIBRARY_PATH=$tmp/libomp"
        wide libomp_limit 1 "LD_LIBRARY_PATH=$tmp/libomp" OMP_THREAD_LIMIT=1
        wide libomp_preloaded 2 "LD_PRELOAD=$library"
    else
        echo "note: skipped LLVM's OpenMP: no libomp.so.5"
    fi
    library=$(find /usr/lib -path '*openblas-pthread/libopenblas.so.0' 2>/dev/null | head -n 1)
    [[ -z $library ]] || wide pthread 2 "LD_PRELOAD=$library"
}

# After the program has executed itself.
bound_threads_see_all_cores() {
    local all
    all=$("$TRAIN" --version | sed -n 's/^threads *//p')
    same "threads" "$(env -u GOMP_SPINCOUNT OMP_PROC_BIND=true "$TRAIN" --version | sed -n 's/^threads *//p')" "$all"
}

# The loader is /proc/self/exe then, and is not executed again.
through_the_loader() {
    local loader
    loader=$(find /lib64/ /lib/ -maxdepth 1 -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)
    [[ -n $loader ]] || { echo "note: skipped the loader: none found" && return; }
    limited env -u GOMP_SPINCOUNT "$loader" "$TRAIN" --version
    has "--version" "$said" "peri.c "
    limited env -u GOMP_SPINCOUNT "$loader" "$TRAIN" --config "$tmp/toy.json" --set name=loaded
    same "exit code, after $said" "$code" 0
    toy plain_toy
    same_run loaded plain_toy
}

# OpenBLAS 0.3.21 asks for its buffers again and again before main().
little_address_space() {
    local kilobytes limits=(100000)
    (($(nproc) == 1)) || limits+=(200000 300000)
    for kilobytes in "${limits[@]}"; do
        # shellcheck disable=SC2016 # for the inner shell
        limited bash -c 'ulimit -v "$1"; "$2" --version' bash "$kilobytes" "$TRAIN"
        same "exit code with ulimit -v $kilobytes, which said $said" "$code" 2
        has "ulimit -v $kilobytes" "$said" "train: error: ulimit -v $kilobytes leaves too little address space for OpenBLAS"
    done
    # shellcheck disable=SC2016
    limited bash -c 'ulimit -v 250000; OMP_NUM_THREADS=1 "$1" --version' bash "$TRAIN"
    same "exit code with one thread, which said $said" "$code" 0
}

old_processors() {
    local processor emulator
    emulator=$(command -v qemu-x86_64 || command -v qemu-x86_64-static) || { echo "note: skipped old processors: no qemu-x86_64" && return; }
    for processor in Nehalem IvyBridge; do
        limited env GOMP_SPINCOUNT=3000 "$emulator" -cpu "$processor" "$TRAIN" --help
        same "exit code on $processor" "$code" 2
        has "$processor" "$said" "train: error: this processor has no AVX2, FMA and BMI2"
    done
    limited env GOMP_SPINCOUNT=3000 "$emulator" -cpu Haswell "$TRAIN" --list norms
    same "exit code on Haswell" "$code" 0
}

test_case "machine: no setting of OpenMP or OpenBLAS matters" no_setting_matters
test_case "machine: --bench and --dry-run end" probes_end
test_case "machine: another OpenMP, another OpenBLAS" other_libraries
test_case "machine: bound threads see all cores" bound_threads_see_all_cores
test_case "machine: started through the loader" through_the_loader
test_case "machine: little address space" little_address_space
test_case "machine: processors without AVX2" old_processors
test_done
