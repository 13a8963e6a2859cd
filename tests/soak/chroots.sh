#!/usr/bin/env bash
# chroots.sh [SUITE...] - both commands of the README in minimal systems of Debian, as people with other settings start them.
#
# SUITES are bookworm and trixie. debootstrap makes a system for each in FOLDER (build/chroots), which is kept; every test
# runs in a copy, which is removed. Needs root, a network, and half an hour for each.
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
cd "$(dirname "$0")/../.."
source tests/lib/test.sh

folder=$(realpath -m "${FOLDER:-build/chroots}")

# inside USER LOCALE COMMAND: runs a command line in the copy of the system, in the sources.
inside() {
    local home=/root
    [[ $1 == root ]] || home=/home/$1
    chroot --userspec="$1" "$system" /usr/bin/env -i HOME="$home" LC_ALL="$2" \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        bash -c "cd '$home/peri in Übung' && $3" </dev/null
}

# sources USER: a copy of the sources, as an archive would give them, in a folder with a blank and an umlaut.
sources() {
    local home=$system/root
    [[ $1 == root ]] || home=$system/home/$1
    mkdir -p "$home/peri in Übung"
    tar --exclude=./build --exclude=./.git --exclude=./runs --exclude=./train -cf - . | tar -C "$home/peri in Übung" -xf - --no-same-owner
    [[ $1 == root ]] || chroot "$system" chown -R "$1" "/home/$1"
}

# prepare SUITE: sets $system to a fresh copy.
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

# losses HOME: what quickstart.sh must print, from the log.
losses() {
    awk -F, '$3 != "" { train = $3 } $4 != "" { val = $4 }
        END { printf "train loss %.4f, val loss %.4f, entropy floor 0.1900\n", train, val }' "$1/peri in Übung/runs/peri_rms/log.csv"
}

# quickstart USER LOCALE
quickstart() {
    said=$(inside "$1" "$2" "./scripts/quickstart.sh --steps 200 2>&1") || fail "$said"
    has "losses" "$said" "$(losses "$system$([[ $1 == root ]] || echo /home)/$1")"
    has "next" "$said" "loss curve: runs/peri_rms/loss.png"
}

# check USER LOCALE: the output is kept in $folder.
check() {
    local log=$folder/check_${suite}_$1.log
    inside "$1" "$2" "./scripts/check.sh 2>&1" >"$log" || fail "$(grep -B9 '^FAIL' "$log" || tail -n 9 "$log")"
    echo "note: $suite: $(tail -n 1 "$log")"
}

# Without the right to install anything, in a system where all is installed.
user() {
    chroot "$system" useradd -m tester
    sources tester
    quickstart tester de_DE.UTF-8
}

missing_package() {
    chroot "$system" apt-get -qq remove gnuplot-nox >/dev/null 2>&1
    if said=$(inside tester C "./scripts/quickstart.sh 2>&1"); then fail "quickstart.sh without gnuplot: $said"; fi
    has "a missing package" "$said" "an administrator can install what is missing: apt-get install gnuplot-nox"
}

locales() {
    inside root C "apt-get install -qq --no-install-recommends locales >/dev/null 2>&1 &&
        echo 'de_DE.UTF-8 UTF-8' >>/etc/locale.gen && locale-gen >/dev/null"
    inside root de_DE.UTF-8 "printf '%.1f' 1,5 | grep -q ,"
}

((EUID == 0)) || { echo "chroots.sh: needs root, for chroot and mount" >&2 && exit 1; }
mkdir -p "$folder"
system=$folder/copy.$$
trap leave EXIT
(($#)) || set -- bookworm trixie
for suite in "$@"; do
    test_case "chroots: $suite, a minimal system" prepare "$suite"
    test_case "chroots: $suite, sources" sources root
    test_case "chroots: $suite, quickstart.sh as root" quickstart root C
    test_case "chroots: $suite, the locale" locales
    inside root C "rm -rf runs"
    test_case "chroots: $suite, quickstart.sh in de_DE.UTF-8" quickstart root de_DE.UTF-8
    test_case "chroots: $suite, check.sh in de_DE.UTF-8" check root de_DE.UTF-8
    test_case "chroots: $suite, quickstart.sh as a user without sudo" user
    test_case "chroots: $suite, check.sh as a user without sudo" check tester C
    test_case "chroots: $suite, a missing package" missing_package
    leave
done
test_done
