#!/usr/bin/env bash
# chroots.sh [SUITE...] - both commands of the README in minimal systems of Debian, as people with other settings start them.
#
# SUITES are bookworm and trixie. Needs root, a network, and half an hour for each (tests/soak/system.sh).
set -euo pipefail
source "$(dirname "$0")/../../scripts/usage.sh"
source "$(dirname "$0")/system.sh"

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
