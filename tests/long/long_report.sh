#!/usr/bin/env bash
# long_report.sh - the page of report.sh in a browser: tables, sorting, both colour schemes, a phone.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

light=1 dark=0 # as Chromium's settings call them

# browser SCHEME WIDTH ARGUMENT...: Chromium without a window; what it says is left in $tmp/console.
browser() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
        --enable-logging=stderr --v=0 --blink-settings=preferredColorScheme="$1" --window-size="$2,1200" \
        "${@:3}" 2>"$tmp/console"
    if grep CONSOLE "$tmp/console"; then fail "the page complains"; fi
}

# The page itself cannot be asked; a copy of it carries the questions, and the answers as attributes of
# its body. A frame of the WIDTH stands in for windows narrower than the browser makes them.
ask() {
    cat "$tmp/sweep/report.html" - >"$tmp/asked.html" <<'HTML'
<script>
const answers = document.body.dataset;
const cells = (n) => [...document.querySelectorAll("#results tbody tr")].map((row) => row.cells[n].dataset);
const column = (n) => cells(n).map((cell) => cell.value).join(" ");
const click = (n) => document.querySelectorAll("#results thead button")[n].click();
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
answers.paper = getComputedStyle(document.body).backgroundColor;
answers.overflow = document.documentElement.scrollWidth > innerWidth;
answers.overlaps = [...document.querySelectorAll("figure svg")].flatMap((chart) => {
    const boxes = [...chart.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
    const frame = chart.getBoundingClientRect();
    const outside = boxes.filter((box) => box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom);
    return outside.concat(boxes.filter((a, i) => boxes.some((b, j) => i < j && meet(a, b))));
}).length;
cells(2)[3].value = "10.5";
cells(2)[4].value = "nan";
click(2);
answers.up = column(2);
click(2);
answers.down = column(2);
answers.sorted = document.querySelectorAll("#results th")[2].ariaSort;
parent.document.title = document.title;
Object.assign(parent.document.body.dataset, answers);
</script>
HTML
    cat >"$tmp/frame.html" <<HTML
<body style="margin: 0"><iframe src="asked.html" width="$2" height="1200" style="border: 0"></iframe>
HTML
    browser "$1" 1200 --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom "file://$tmp/frame.html" >"$tmp/dom"
}

# answer NAME: what the page said.
answer() {
    grep -o " data-$1=\"[^\"]*\"" "$tmp/dom" | cut -d'"' -f2
}

sweep() {
    local topology lr
    for topology in pre peri post; do
        for lr in 3e-4 1e-3 1.1e-3; do # the last two too close for two labels
            toy "$topology-$lr" --topology "$topology" --set "optim.lr=$lr" --set log.layers_every=5 \
                --set "log.dir=$tmp/sweep"
        done
    done
    scripts/report.sh "$tmp/sweep" --title "Nine nets"
}

tables_are_there() {
    browser "$light" 1200 --dump-dom "file://$tmp/sweep/report.html" >"$tmp/dom"
    has "title" "$(<"$tmp/dom")" "<title>Nine nets</title>"
    same "rows" "$(grep -c '<tr><th scope="row">' "$tmp/dom")" $((9 + 6 + 9))
    same "headings that can be clicked" "$(grep -o '<th scope="col"[^>]*><button>' "$tmp/dom" | wc -l)" $((11 + 6 + 7))
}

# Ten comes after nine, and what is no number last.
columns_sort() {
    local numbers
    ask "$light" 1200
    numbers=$(answer up | tr ' ' '\n' | grep -v nan)
    same "numbers" "$(wc -w <<<"$numbers")" 8
    same "upwards" "$(answer up)" "$(sort -g <<<"$numbers" | paste -sd ' ') nan"
    same "downwards" "$(answer down)" "$(sort -gr <<<"$numbers" | paste -sd ' ') nan"
    has "ten" "$(answer up)" " 10.5 nan"
    same "said aloud" "$(answer sorted)" descending
}

schemes_and_widths() {
    local width
    for width in 420 1200; do
        ask "$dark" "$width"
        same "dark paper" "$(answer paper)" "rgb(20, 23, 27)"
        ask "$light" "$width"
        same "light paper" "$(answer paper)" "rgb(255, 255, 255)"
        same "wider than $width" "$(answer overflow)" false
        same "labels that overlap or leave their chart at $width" "$(answer overlaps)" 0
    done
}

# An empty page of this size takes 5 kB.
pictures() {
    local scheme
    for scheme in $light $dark; do
        browser "$scheme" 1200 --screenshot="$tmp/$scheme.png" "file://$tmp/sweep/report.html"
        (($(stat -c %s "$tmp/$scheme.png") > 30000)) || fail "the picture is empty"
    done
    if cmp -s "$tmp/$light.png" "$tmp/$dark.png"; then fail "light and dark look the same"; fi
}

if ! command -v chromium >/dev/null; then
    test_case "report in a browser" echo "note: skipped report.sh in a browser: no chromium"
    test_done
fi
test_case "report in a browser: nine toy runs" sweep
test_case "report in a browser: tables are there" tables_are_there
test_case "report in a browser: columns sort" columns_sort
test_case "report in a browser: schemes and widths" schemes_and_widths
test_case "report in a browser: pictures" pictures
test_done
