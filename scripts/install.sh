#!/usr/bin/env bash
# install.sh install|uninstall ROOT - the work of make install and make uninstall.
#
# Installs below ROOT: bin/peri-train with its manual page and completion, bin/peri-sweep, peri-report and peri-plot,
# and in share/peri/ the configs, the sweeps and the scripts. share/peri/installed lists the files with their hashes.
# uninstall removes the listed files that were not changed since, and folders of peri.c that are empty afterwards.
set -euo pipefail
source "$(dirname "$0")/usage.sh"
cd "$(dirname "$0")/.."

list=share/peri/installed

# wrapper SCRIPT: a command that runs an installed script with the program in its own folder.
wrapper() {
    cat <<WRAPPER
#!/usr/bin/env bash
# peri-$1 - share/peri/scripts/$1.sh of peri.c, with the peri-train in the folder of this file.
bin=\$(dirname -- "\$(realpath -- "\${BASH_SOURCE[0]}")")
export TRAIN=\${TRAIN:-\$bin/peri-train} PERI_SCRIPT=peri-$1
exec "\$bin/../share/peri/scripts/$1.sh" "\$@"
WRAPPER
}

# put MODE FILE: writes stdin below ROOT, to a temporary name first, because FILE may be a running program.
put() {
    install -d "$(dirname "$root/$2")"
    new=$root/$2.new
    cat >"$new"
    chmod "$1" "$new"
    mv -fT "$new" "$root/$2"
    files+=("$2")
}

put_all() {
    local file name
    put 755 bin/peri-train <train
    ./train --print-man >"$page"
    put 644 share/man/man1/peri-train.1 <"$page"
    ./train --print-completion >"$page"
    put 644 share/bash-completion/completions/peri-train <"$page"
    for name in sweep report plot; do
        put 755 bin/peri-$name < <(wrapper $name)
    done
    for file in configs/*.json sweeps/*.json scripts/{plot,sweep,report,usage}.sh scripts/{sweep,report}/*.*; do
        if [[ -x $file ]]; then put 755 "share/peri/$file" <"$file"; else put 644 "share/peri/$file" <"$file"; fi
    done
    (cd -- "$root" && sha256sum -- "${files[@]}") | put 644 $list
}

# Files that were changed stay, and so does everything that is not in the list.
remove_all() {
    local hash file now
    if [[ ! -e $root/$list ]]; then
        echo "install.sh: nothing to remove: there is no $root/$list, which make install writes" >&2
        return
    fi
    while read -r hash file; do
        [[ -f $root/$file ]] || continue
        now=$(sha256sum <"$root/$file")
        if [[ ${now%% *} == "$hash" ]]; then
            rm -f "$root/$file"
        else
            echo "install.sh: kept $root/$file, which was changed" >&2
        fi
    done <"$root/$list"
    rm -f "$root/$list"
    find "$root/share/peri" -depth -type d -empty -delete
}

(($# == 2)) || wrong "takes install or uninstall, and a folder"
root=$2 files=()
[[ $1 =~ ^(un)?install$ ]] || wrong "takes install or uninstall, not \"$1\""
[[ $root != "~"* ]] || wrong "$root begins with ~, which the shell did not replace: write \$HOME"
page=$(mktemp) new=$page
trap 'rm -f "$page" "$new"' EXIT
if [[ $1 == install ]]; then put_all; else remove_all; fi
