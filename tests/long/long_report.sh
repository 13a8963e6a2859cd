#!/usr/bin/env bash
# long_report.sh - the page of scripts/report.sh in a browser: tables, sorting, both color schemes, narrow screens.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

light=1 dark=0 # values of Chromium's preferredColorScheme

# browser SCHEME WIDTH ARGUMENT...: headless Chromium; its messages are in $tmp/console.
browser() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
        --enable-logging=stderr --v=0 --blink-settings=preferredColorScheme="$1" --window-size="$2,1200" \
        "${@:3}" 2>"$tmp/console"
    if grep CONSOLE "$tmp/console"; then fail "the page writes to the console"; fi
}

# query SCHEME WIDTH: loads a copy of the page with a script that stores its results as attributes of the
# body. It is shown in a frame of that width, since the browser does not make windows that narrow.
query() {
    cat "$tmp/sweep/report.html" - >"$tmp/queried.html" <<'HTML'
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
<body style="margin: 0"><iframe src="queried.html" width="$2" height="1200" style="border: 0"></iframe>
HTML
    browser "$1" 1200 --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom "file://$tmp/frame.html" >"$tmp/dom"
}

# answer NAME: a result of the script.
answer() {
    grep -o " data-$1=\"[^\"]*\"" "$tmp/dom" | cut -d'"' -f2
}

sweep() {
    local topology lr
    for topology in pre peri post; do
        for lr in 3e-4 1e-3 1.1e-3; do # the last two are too close for two labels
            toy "$topology-$lr" --topology "$topology" --set "optim.lr=$lr" --set log.layers_every=5 \
                --set "log.dir=$tmp/sweep"
        done
    done
    scripts/report.sh "$tmp/sweep" --title "Nine models"
}

tables_exist() {
    browser "$light" 1200 --dump-dom "file://$tmp/sweep/report.html" >"$tmp/dom"
    has "title" "$(<"$tmp/dom")" "<title>Nine models</title>"
    same "rows" "$(grep -c '<tr><th scope="row">' "$tmp/dom")" $((9 + 6 + 9))
    same "headings that can be clicked" "$(grep -o '<th scope="col"[^>]*><button>' "$tmp/dom" | wc -l)" $((11 + 6 + 7))
}

# Numbers are sorted by value, and NaN comes last.
columns_sort() {
    local numbers
    query "$light" 1200
    numbers=$(answer up | tr ' ' '\n' | grep -v nan)
    same "numbers" "$(wc -w <<<"$numbers")" 8
    same "ascending" "$(answer up)" "$(sort -g <<<"$numbers" | paste -sd ' ') nan"
    same "descending" "$(answer down)" "$(sort -gr <<<"$numbers" | paste -sd ' ') nan"
    has "ten" "$(answer up)" " 10.5 nan"
    same "aria-sort" "$(answer sorted)" descending
}

schemes_and_widths() {
    local width
    for width in 420 1200; do
        query "$dark" "$width"
        same "dark background" "$(answer paper)" "rgb(20, 23, 27)"
        query "$light" "$width"
        same "light background" "$(answer paper)" "rgb(255, 255, 255)"
        same "wider than $width" "$(answer overflow)" false
        same "labels that overlap or leave their chart at $width" "$(answer overlaps)" 0
    done
}

# A screenshot of an empty page has 5 kB.
screenshots() {
    local scheme
    for scheme in $light $dark; do
        browser "$scheme" 1200 --screenshot="$tmp/$scheme.png" "file://$tmp/sweep/report.html"
        (($(stat -c %s "$tmp/$scheme.png") > 30000)) || fail "the screenshot is empty"
    done
    if cmp -s "$tmp/$light.png" "$tmp/$dark.png"; then fail "light and dark look the same"; fi
}

if ! command -v chromium >/dev/null; then
    test_case "report in a browser" echo "note: skipped report.sh in a browser: no chromium"
    test_done
fi
test_case "report in a browser: nine toy runs" sweep
test_case "report in a browser: tables" tables_exist
test_case "report in a browser: sorting" columns_sort
test_case "report in a browser: color schemes and widths" schemes_and_widths
test_case "report in a browser: screenshots" screenshots
test_done
