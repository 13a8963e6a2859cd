#!/usr/bin/env bash
# cli_quota.sh - the number of threads in control groups with a CPU quota, which need root and a writable cgroup hierarchy.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"
source tests/lib/sweep.sh

unset OMP_NUM_THREADS
cores=$(nproc)

# hierarchy VERSION: where the hierarchy with the controller cpu is mounted, found without the trainer.
hierarchy() {
    awk -v version="$1" '{ for (i = 7; $i != "-"; i++); }
        $4 != "/" { next }
        version == 2 && $(i + 1) == "cgroup2" { print $5; exit }
        version == 1 && $(i + 1) == "cgroup" && "," $(i + 3) "," ~ /,cpu,/ { print $5; exit }' /proc/self/mountinfo
}

# begin VERSION: makes the group $group with a group inside it, whose name has a blank; fails where that is impossible.
begin() {
    version=$1 top=$(hierarchy "$1")
    [[ -n $top && -w $top ]] || return 1
    [[ $version == 1 || " $(<"$top/cgroup.subtree_control") " == *" cpu "* ]] || return 1
    make_groups
}

make_groups() {
    group=$top/peri_test_$$
    mkdir "$group" 2>/dev/null || return 1
    mkdir "$group/in ner"
    trap 'rmdir "$group/in ner" "$group"; rm -rf "$tmp"' EXIT
}

end() {
    rmdir "$group/in ner" "$group"
    trap 'rm -rf "$tmp"' EXIT
}

# quota GROUP MICROSECONDS: of 100,000; -1 is none.
quota() {
    if [[ $version == 1 ]]; then
        echo "$2" >"$1/cpu.cfs_quota_us"
    else
        echo "${2/#-1/max} 100000" >"$1/cpu.max"
    fi
}

# inside GROUP COMMAND...: sets $said.
inside() {
    # shellcheck disable=SC2016 # for the inner shell
    said=$(bash -c 'echo $$ >"$1/cgroup.procs" && exec "${@:2}"' bash "$@" 2>&1 </dev/null) ||
        fail "${*:2} failed: $said"
}

# threads WHAT WANT GROUP COMMAND...: the threads that --version prints.
threads() {
    inside "${@:3}" "$TRAIN" --version
    same "$1" "$(sed -n 's/^threads *//p' <<<"$said")" "$2"
}

quota_is_rounded_up() {
    threads "no quota" "$cores" "$group"
    quota "$group" 50000
    threads "half a core" 1 "$group"
    quota "$group" 100000
    threads "one core" 1 "$group"
    quota "$group" 100001
    threads "more than one core" 2 "$group"
    quota "$group" $((cores * 100000 + 1))
    threads "more than there are" "$cores" "$group"
}

smallest_decides() {
    quota "$group" $((cores * 100000))
    threads "affinity" 1 "$group" taskset -c 0
    threads "OMP_NUM_THREADS" 1 "$group" env OMP_NUM_THREADS=1
    quota "$group" 100000
    threads "quota" 1 "$group" env "OMP_NUM_THREADS=$cores"
    threads "many threads" "$cores" "$top" env OMP_NUM_THREADS=500
}

# shellcheck disable=SC2016 # for the inner shells
ancestors_count() {
    quota "$group" 100000
    threads "the group above" 1 "$group/in ner"
    # A namespace in which the group is the root, and a mount of the group alone.
    inside "$group" unshare -C -m bash -c 'umount -l /sys/fs/cgroup && mkdir "$1" && mount -t "$2" "${@:4}" none "$1" && exec "$3" --version' \
        bash "$tmp/mount" "$([[ $version == 1 ]] && echo cgroup || echo cgroup2)" "$TRAIN" ${cpu[@]+"${cpu[@]}"}
    has "a namespace" "$said" "threads  1"
    inside "$group/in ner" unshare -m bash -c 'mkdir "$1" && mount --bind "$2" "$1" && umount -l /sys/fs/cgroup && exec "$3" --version' \
        bash "$tmp/my mount" "$group" "$TRAIN"
    has "a part of the hierarchy" "$said" "threads  1"
    inside "$group" unshare -m bash -c 'umount -l /sys/fs/cgroup && exec "$1" --version' bash "$TRAIN"
    has "nothing is mounted" "$said" "threads  $cores"
}

users_are_told() {
    quota "$group" 50000
    inside "$group" "$TRAIN" --config "$tmp/toy.json" --set "name=quota$version"
    has "banner" "$said" ", 1 threads (CPU quota 0.5)"
    [[ $said != *warning* ]] || fail "a warning: $said"
    has "run.json" "$(<"$tmp/quota$version/run.json")" '"threads": 1'
    toy "two$version" --set train.threads=2
    same_run "quota$version" "two$version"
    inside "$group" "$TRAIN" --config "$tmp/toy.json" --set name=predicted --dry-run
    has "--dry-run" "$said" ", 1 threads (CPU quota 0.5)"
    inside "$group" "$TRAIN" --config "$tmp/toy.json" --set name=predicted --dry-run --json
    same "--json" "$(jq -c '.time | [.threads, .cpu_quota]' <<<"$said")" "[1,0.5]"
    inside "$group" env OMP_THREAD_LIMIT=1 "$TRAIN" --config "$tmp/toy.json" --set name=predicted --dry-run
    [[ $said != *quota* ]] || fail "the limit of OpenMP is as small: $said"
    exits 0 --config "$tmp/toy.json" --set name=predicted --dry-run --json
    same "--json without a quota" "$(jq -c '.time | [.threads, .cpu_quota]' <<<"$said")" "[$cores,null]"
}

explicit_threads_are_obeyed() {
    quota "$group" 50000
    inside "$group" "$TRAIN" --config "$tmp/toy.json" --set "name=explicit$version" --set train.threads=2
    has "banner" "$said" "float, 2 threads"$'\n'
    has "warning" "$said" "train: warning: train.threads = 2 is more than the CPU quota of the control group, 0.5"
    inside "$group" "$TRAIN" --config "$tmp/toy.json" --describe --set train.threads=1
    [[ $said != *warning* ]] || fail "one thread: $said"
}

sweeps_divide_the_quota() {
    quota "$group" 100000
    inside "$group" env TRAIN="$TRAIN" scripts/sweep.sh --seeds 1 --out "$tmp/sweep$version" "$tmp/toy.json"
    has "threads of a run" "$(cat "$tmp/sweep$version"/*/run.json)" '"threads": 1'
    [[ $said != *warning* ]] || fail "a warning: $said"
}

# The files of version 2 over a group of a hierarchy without the controller, as in the layout "hybrid" of systemd.
# shellcheck disable=SC2016 # for the inner shell
hybrid() {
    mkdir "$tmp/files"
    echo "150000 300000" >"$tmp/files/cpu.max"
    inside "$group/in ner" unshare -m bash -c 'mount --bind "$1" "$2" && "$3" --version && exec "$3" --config "$4" --set name=hybrid' \
        bash "$tmp/files" "$group" "$TRAIN" "$tmp/toy.json"
    has "--version" "$said" "threads  1"
    has "banner" "$said" ", 1 threads (CPU quota 0.5)"
}

# begin_hybrid: as begin, where version 1 has the controller.
begin_hybrid() {
    top=$(awk '{ for (i = 7; $i != "-"; i++); } $4 == "/" && $(i + 1) == "cgroup2" { print $5; exit }' /proc/self/mountinfo)
    [[ -n $top && " $(<"$top/cgroup.controllers") " != *" cpu "* ]] && make_groups
}

((cores > 1)) || { test_case "quota: skipped" echo "note: skipped all of cli_quota.sh: a machine with one core" && test_done; }
[[ $("$TRAIN" --version | sed -n 's/^threads *//p') == "$cores" ]] ||
    { test_case "quota: skipped" echo "note: skipped all of cli_quota.sh: these tests have a quota themselves" && test_done; }
for version in 1 2; do
    begin "$version" || {
        test_case "quota, cgroup v$version: skipped" echo "note: skipped cgroup v$version: no hierarchy with cpu that this user may change"
        continue
    }
    cpu=()
    [[ $version == 2 ]] || cpu=(-o "$(awk -v top="$top" '$5 == top { print $NF }' /proc/self/mountinfo | sed 's/^rw,//')")
    test_case "quota, cgroup v$version: rounded up" quota_is_rounded_up
    test_case "quota, cgroup v$version: the smallest of affinity, quota, OMP_NUM_THREADS" smallest_decides
    test_case "quota, cgroup v$version: ancestors, namespaces, bind mounts" ancestors_count
    test_case "quota, cgroup v$version: banner, --dry-run, bits" users_are_told
    test_case "quota, cgroup v$version: train.threads" explicit_threads_are_obeyed
    test_case "quota, cgroup v$version: a sweep" sweeps_divide_the_quota
    end
done
if begin_hybrid; then
    test_case "quota: cgroup v2 next to v1" hybrid
    end
else
    echo "note: skipped cgroup v2 next to v1: no such machine"
fi
test_done
