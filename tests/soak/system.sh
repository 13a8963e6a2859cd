# shellcheck shell=bash
# system.sh - minimal systems of Debian, in which commands run; sourced, not run.
#
#     prepare SUITE                 sets $system to a fresh copy of a system that debootstrap makes once
#     sources USER                  the sources of this folder, in a folder with a blank and an umlaut
#     inside USER LOCALE COMMAND    runs a command line there
#
# The systems are in FOLDER (build/chroots) and are kept; the copy is removed at the end. Needs root and a network.
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source tests/lib/test.sh
((EUID == 0)) || { echo "$0: needs root, for chroot and mount" >&2 && exit 1; }

folder=$(realpath -m "${FOLDER:-build/chroots}")
system=$folder/copy.$$
mkdir -p "$folder"
trap leave EXIT

prepare() {
    [[ -e $folder/$1.done ]] || {
        debootstrap --variant=minbase "$1" "$folder/$1" http://deb.debian.org/debian >"$folder/$1.log"
        touch "$folder/$1.done"
    }
    rm -rf --one-file-system "$system"
    cp -a "$folder/$1" "$system"
    cp /etc/resolv.conf "$system/etc/resolv.conf"
    mount -t proc proc "$system/proc"
}

leave() {
    ! mountpoint -q "$system/proc" || umount "$system/proc"
    rm -rf --one-file-system "$system"
}

# As an archive would give them.
sources() {
    local home=$system/root
    [[ $1 == root ]] || home=$system/home/$1
    mkdir -p "$home/peri in Übung"
    tar --exclude=./build --exclude=./.git --exclude=./runs --exclude=./train -cf - . | tar -C "$home/peri in Übung" -xf - --no-same-owner
    [[ $1 == root ]] || chroot "$system" chown -R "$1" "/home/$1"
}

inside() {
    local home=/root
    [[ $1 == root ]] || home=/home/$1
    chroot --userspec="$1" "$system" /usr/bin/env -i HOME="$home" LC_ALL="$2" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c "cd '$home/peri in Übung' && $3" </dev/null
}
