#!/usr/bin/env bash
# cli_build.sh - the Makefile: ./train is replaced while it runs, names of compilers, options, the flavour of OpenBLAS.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

# tree NAME: a copy of the sources and of the float build, which make takes for complete. NAME may be any.
tree() {
    mkdir "$tmp/$1"
    tar -cf - Makefile train.c base ops norm data model run scripts configs sweeps build/float/{train,train.o,libperi.a,flags} \
        build/float/{base,ops,norm,data,model,run} | tar -C "$tmp/$1" -xf -
    echo unknown >"$tmp/$1/build/float/commit" # no checkout: git does not know it
    touch -r "$tmp/$1/build/float/flags" "$tmp/$1/build/float/commit" # of the copy: tar keeps whole seconds
    cp -p build/float/train "$tmp/$1/train"
}

# make_in NAME ARGUMENT...: sets $said and $code.
make_in() {
    code=0
    said=$(make -C "$tmp/$1" "${@:2}" 2>&1) || code=$?
}

# variable NAME ARGUMENT...: the value of a variable of the Makefile.
variable() {
    make -pn "${@:2}" 2>/dev/null | sed -n "s/^$1 := //p" | tail -n 1
}

running_program_is_replaced() {
    local pid i
    tree "Übung mit Blank"
    make_in "Übung mit Blank" -n
    [[ $said != *" -c -o "* ]] || fail "a finished build is compiled again: $said"
    cd "$tmp/Übung mit Blank"
    ./train --config "$tmp/toy.json" --set name=long --set train.steps=1000000000 --set train.eval_every=0 >"$tmp/long.txt" 2>&1 &
    pid=$!
    for ((i = 0; i < 100 && $(grep -c "" "$tmp/long/log.csv" 2>/dev/null || true) + 0 < 3; i++)); do sleep 0.05; done
    printf 'newer' >>build/float/train # behind the program, which still works
    make_in "Übung mit Blank"
    kill -0 "$pid" || fail "the run has ended: $(tail -n 1 "$tmp/long.txt")"
    kill -KILL "$pid" && { wait "$pid" || true; }
    same "exit code of make" "$code" 0
    cmp train build/float/train
    [[ ! -e train.new ]] || fail "train.new is left"
}

compilers_have_folders() {
    same "gcc" "$(variable BUILD)" build/float
    same "a path" "$(variable BUILD CC=/usr/bin/gcc)" build/float
    same "a cache" "$(variable BUILD CC="ccache gcc")" build/float
    same "a version" "$(variable BUILD CC=/usr/bin/gcc-12)" build/float-gcc-12
    same "another" "$(variable BUILD CC="ccache clang -v" REAL=double)" build/double-clang
    same "./train of gcc" "$(variable MAIN CC="ccache /usr/bin/gcc-12")" train
    same "./train of clang" "$(variable MAIN CC=clang)" ""
    same "./train of another folder" "$(variable MAIN BUILD=build/mine)" ""
}

changed_options_build_again() {
    tree options
    make_in options -n CFLAGS="-O2 -DNOTE='it is'"
    has "other CFLAGS" "$said" " -c -o build/float/base/base.o"
    make_in options -n WERROR=1
    [[ $said != *" -c -o "* ]] || fail "WERROR=1 builds again: $said"
    # Two flavours of OpenBLAS, of which pkg-config names the slow one.
    mkdir -p "$tmp/lib/openblas-pthread" "$tmp/bin"
    printf '#!/bin/sh\ncase "$*" in *libdir*) echo %s/lib/openblas-pthread/ ;; *) echo "-I%s/include/openblas-pthread/ -I/usr/include/cjson" ;; esac\n' \
        "$tmp" "$tmp" >"$tmp/bin/pkg-config"
    chmod +x "$tmp/bin/pkg-config"
    same "the only one" "$(PATH=$tmp/bin:$PATH variable BLASDIR)" "$tmp/lib/openblas-pthread"
    mkdir "$tmp/lib/openblas-openmp"
    touch "$tmp/lib/openblas-openmp/libopenblas.so"
    same "the better one" "$(PATH=$tmp/bin:$PATH variable BLASDIR)" "$tmp/lib/openblas-openmp"
    same "its headers" "$(PATH=$tmp/bin:$PATH variable BLAS_CFLAGS)" "-I$tmp/include/openblas-openmp/ -I/usr/include/cjson"
    PATH=$tmp/bin:$PATH make_in options -n
    has "another library" "$said" " -c -o build/float/ops/cpu/cpu_gemm.o"
}

# compiler_for TARGET: a compiler in $tmp/bin that only says what it compiles for.
compiler_for() {
    mkdir -p "$tmp/bin"
    printf '#!/bin/sh\necho %s\n' "$1" >"$tmp/bin/$1-gcc"
    cp "$tmp/bin/$1-gcc" "$tmp/bin/$1-gcc-14"
    chmod +x "$tmp/bin/$1-gcc" "$tmp/bin/$1-gcc-14"
}

other_processors() {
    local target=aarch64-linux-gnu own=x86-64 libraries
    [[ $(uname -m) != aarch64 ]] || { target=x86_64-linux-gnu own=armv8-a; }
    local arch=${target%%-*} cc=$tmp/bin/$target-gcc
    libraries=$tmp/root/usr/lib/$target
    compiler_for "$target"
    compiler_for riscv64-linux-gnu
    printf '#!/bin/sh\ntouch %s/asked\n' "$tmp" >"$tmp/bin/pkg-config"
    chmod +x "$tmp/bin/pkg-config"
    PATH=$tmp/bin:$PATH
    tree other
    make_in other CC="$cc" SYSROOT="$tmp/root"
    has "without libraries" "$said" "OpenBLAS for $arch not found in $libraries: run scripts/install-packages.sh $arch, or set SYSROOT"
    make_in other CC=riscv64-linux-gnu-gcc
    has "another processor" "$said" "peri.c runs on x86-64 and aarch64, not on \"riscv64\""
    mkdir -p "$libraries/openblas-openmp"
    touch "$libraries/openblas-openmp/libopenblas.so"
    export SYSROOT=$tmp/root
    same "its folder" "$(variable BUILD CC="$cc")" "build/float-$arch"
    same "a version" "$(variable BUILD CC="$cc-14" REAL=double SANITIZE=1)" "build/double-gcc-14-$arch-sanitize"
    same "./train" "$(variable MAIN CC="$cc")" ""
    make_in other -n CC="$cc"
    same "exit code, after $said" "$code" 0
    [[ $said != *"-march=$own"* && ! -e $tmp/asked ]] || fail "options or libraries of this processor: $said"
    has "its libraries" "$said" " -L$libraries/openblas-openmp "
    has "as the other machine has them" "$said" " -Wl,-rpath,/usr/lib/$target/openblas-openmp "
    has "its headers" "$said" " -isystem $tmp/root/usr/include/$target/openblas-openmp "
    unset SYSROOT
    same "libraries next to those of this processor" "$(XDG_CACHE_HOME=$tmp/cache variable LIBDIR CC="$cc")" "/usr/lib/$target"
    mkdir -p "$tmp/cache/peri/$arch"
    same "libraries of install-packages.sh" "$(XDG_CACHE_HOME=$tmp/cache variable LIBDIR CC="$cc")" "$tmp/cache/peri/$arch/usr/lib/$target"
}

folder_named_train() {
    tree folder
    rm "$tmp/folder/train"
    mkdir "$tmp/folder/train"
    echo precious >"$tmp/folder/train/book.txt"
    make_in folder
    same "exit code" "$code" 2
    has "make" "$said" "train/ is a folder, and the program is called ./train: please rename the folder"
    make_in folder -s clean
    same "the folder after make clean" "$(cat "$tmp/folder/train/book.txt")" precious
    code=0
    said=$(cd "$tmp/folder" && TRAIN='' PATH=/usr/bin:/bin scripts/sweep.sh sweeps/norms.json --dry-run 2>&1) || code=$?
    has "sweep.sh" "$said" "there is no program ./train; make builds it"
}

# Copies of a file are what a user of Windows commits without knowing.
checkout_without_carriage_returns() {
    git rev-parse --git-dir >/dev/null 2>&1 || { echo "note: skipped the checkout: no git" && return; }
    git -c core.autocrlf=true clone -q . "$tmp/checkout"
    said=$(grep -rlI $'\r$' "$tmp/checkout" --include='*.sh' --include='*.c' --include='*.h' --include=Makefile --include='*.json') ||
        true
    same "files with CRLF" "$said" ""
    "$tmp/checkout/scripts/check.sh" --help >/dev/null
}

# built NAME: the commit that the program of a tree prints.
built() {
    "$tmp/$1/train" --version | sed -n 's/^commit *//p'
}

# commit_in NAME: commits the tree.
commit_in() {
    git -C "$tmp/$1" add -A
    git -C "$tmp/$1" -c user.name=test -c user.email=test@example.org commit -qm "a commit"
    git -C "$tmp/$1" rev-parse HEAD
}

commit_is_built_in() {
    command -v git >/dev/null || { echo "note: skipped: no git" && return; }
    local name="a checkout" hash
    tree "$name"
    rm "$tmp/$name/build/float/commit"
    printf '/build/\n/train\n' >"$tmp/$name/.gitignore"
    make_in "$name"
    same "without git" "$code $(built "$name")" "0 unknown"
    "$tmp/$name/train" --config "$tmp/toy.json" --set name=unknown --steps 0 2>/dev/null
    has "run.json" "$(<"$tmp/unknown/run.json")" '"commit": "unknown",'
    [[ $(<"$tmp/unknown/run.json") != *'"dirty"'* ]] || fail "an unknown commit is dirty"
    git init -q "$tmp/$name"
    hash=$(commit_in "$name")
    make_in "$name"
    same "a commit" "$code $(built "$name") $(grep -c -- ' -c -o ' <<<"$said")" "0 $hash 1"
    "$tmp/$name/train" --config "$tmp/toy.json" --set name=known --steps 0 2>/dev/null
    has "run.json" "$(tr -d '\n' <"$tmp/known/run.json")" "\"commit\": \"$hash\",    \"dirty\": false,"
    echo "# a comment" >>"$tmp/$name/configs/base_xs.json"
    make_in "$name"
    [[ $said != *" -c -o "* ]] || fail "a config is no code: $said"
    echo "/* changed */" >>"$tmp/$name/train.c"
    make_in "$name"
    same "changes" "$code $(built "$name")" "0 $hash, with changes"
    "$tmp/$name/train" --config "$tmp/toy.json" --set name=dirty --steps 0 2>/dev/null
    has "run.json" "$(<"$tmp/dirty/run.json")" '"dirty": true,'
    GIT_TEST_ASSUME_DIFFERENT_OWNER=1 make_in "$name" -n install PREFIX="$tmp/prefix"
    [[ $code == 0 && $said != *" -c -o "* ]] || fail "make install as another user builds: $said"
    GIT_TEST_ASSUME_DIFFERENT_OWNER=1 make_in "$name"
    [[ $code == 0 && $said != *" -c -o "* ]] || fail "make as another user builds the same sources again: $said"
    touch "$tmp/$name/model/model.c"
    GIT_TEST_ASSUME_DIFFERENT_OWNER=1 make_in "$name"
    same "newer sources of another user" "$code $(built "$name")" "0 unknown"
    # Unpacked into a repository of somebody else.
    git init -q "$tmp/outer"
    echo text >"$tmp/outer/file"
    commit_in outer >/dev/null
    tree outer/inner
    rm "$tmp/outer/inner/build/float/commit"
    make_in outer/inner
    same "in another repository" "$code $(built outer/inner)" "0 unknown"
}

unset MAKEFLAGS MAKELEVEL
[[ -e build/float/flags ]] || { echo "cli_build.sh: needs the float build: make" >&2 && exit 2; }
test_case "build: a running program is replaced" running_program_is_replaced
test_case "build: a folder for each compiler" compilers_have_folders
test_case "build: other processors" other_processors
test_case "build: other options build everything again" changed_options_build_again
test_case "build: a folder named train" folder_named_train
test_case "build: the commit" commit_is_built_in
test_case "build: a checkout with core.autocrlf" checkout_without_carriage_returns
test_done
