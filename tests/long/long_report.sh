#!/usr/bin/env bash
# long_report.sh - the page of report.sh in a browser: tables, sorting, color schemes, narrow
# windows, the height of its parts with 72 runs.
set -euo pipefail
source "$(dirname "$0")/../lib/cli.sh"

light=1 dark=0 # values of Chromium's preferredColorScheme

# browser SCHEME WIDTH ARGUMENT...: runs headless Chromium; its messages are in $tmp/console.
browser() {
    timeout 60 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$tmp/profile" \
        --enable-logging=stderr --v=0 --blink-settings=preferredColorScheme="$1" --window-size="$2,1200" \
        "${@:3}" 2>"$tmp/console"
    if grep CONSOLE "$tmp/console"; then fail "the page writes to the console"; fi
}

# query SCHEME WIDTH [FOLDER]: adds a script to a copy of the page that stores its results as
# attributes of the body. A frame of WIDTH replaces the window, because the browser limits how narrow
# a window can be. Heights are of the page as it opens, all else with its parts unfolded.
query() {
    cat "$tmp/${3:-sweep}/report.html" - >"$tmp/queried.html" <<'HTML'
<script>
const results = document.body.dataset;
const cells = (n) => [...document.querySelectorAll("#results-table tbody tr")].map((row) => row.cells[n].dataset);
const column = (n) => cells(n).map((cell) => cell.value).join(" ");
const click = (n) => document.querySelectorAll("#results-table thead button")[n].click();
const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
const center = (element) => { const box = element.getBoundingClientRect(); return (box.left + box.right) / 2; };
const parts = [...document.querySelectorAll("header, main > section, details.part")];
results.height = document.documentElement.scrollHeight;
location.hash = "#results";
dispatchEvent(new Event("hashchange"));
results.unfolded = document.querySelector("#results").open ?? true;
document.querySelectorAll("details").forEach((part) => (part.open = true));
results.tallest = Math.max(...parts.map((part) => part.getBoundingClientRect().height));
results.crooked = [...document.querySelectorAll(".forest")].filter((forest) => {
    const zero = [...forest.querySelectorAll("svg.axis text")].find((tick) => tick.textContent === "0");
    return [...forest.querySelectorAll(".zero")].some((line) => Math.abs(center(line) - center(zero)) > 1.5);
}).length;
results.forests = document.querySelectorAll(".forest").length;
results.paper = getComputedStyle(document.body).backgroundColor;
results.overflow = document.documentElement.scrollWidth > innerWidth;
results.overlaps = [...document.querySelectorAll("figure svg, .forest svg.axis")].flatMap((chart) => {
    const boxes = [...chart.querySelectorAll("text")].map((text) => text.getBoundingClientRect());
    const frame = chart.getBoundingClientRect();
    const outside = boxes.filter((box) => box.left < frame.left || box.right > frame.right || box.bottom > frame.bottom);
    return outside.concat(boxes.filter((a, i) => boxes.some((b, j) => i < j && meet(a, b))));
}).length;
cells(2)[3].value = "10.5";
cells(2)[4].value = "nan";
click(2);
results.up = column(2);
click(2);
results.down = column(2);
results.sorted = document.querySelectorAll("#results-table th")[2].ariaSort;
parent.document.title = document.title;
Object.assign(parent.document.body.dataset, results);
</script>
HTML
    cat >"$tmp/frame.html" <<HTML
<body style="margin: 0"><iframe src="queried.html" width="$2" height="1200" style="border: 0"></iframe>
HTML
    browser "$1" 1200 --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom "file://$tmp/frame.html" >"$tmp/dom"
}

# result NAME: a result of the last query.
result() {
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
    # Arms, means and pairs by topology and by rate, groups, differences, runs.
    same "rows" "$(grep -c '<tr><th scope="row">' "$tmp/dom")" $((3 + 3 + 3 + 3 + 3 + 9 + 6 + 9))
    same "clickable headings" "$(grep -o '<th scope="col"[^>]*><button>' "$tmp/dom" | wc -l)" \
        $((12 + 4 + 5 + 4 + 5 + 11 + 6 + 7))
}

# Six arms at four rates: a part is a screen at most, folded or not, and a link opens a folded part.
parts_fit_a_screen() {
    local width
    python3 -B tests/lib/known_sweep.py "$tmp/72" >"$tmp/known"
    scripts/report.sh "$tmp/72"
    for width in 400 1200; do
        query "$light" "$width" 72
        same "wider than $width" "$(result overflow)" false
        same "labels that overlap or leave their chart at $width" "$(result overlaps)" 0
        same "forest plots" "$(result forests)" 4
        same "forest plots whose axis is not below their lines" "$(result crooked)" 0
        same "a link opens its part" "$(result unfolded)" true
    done
    awk -v tallest="$(result tallest)" -v height="$(result height)" 'BEGIN { exit !(tallest < 1300 && height < 6000) }' ||
        fail "a part of $(result tallest) pixels, a page of $(result height)"
}

# Columns sort numerically: 10 after 9, NaN last.
columns_sort() {
    local numbers
    query "$light" 1200
    numbers=$(result up | tr ' ' '\n' | grep -v nan)
    same "numbers" "$(wc -w <<<"$numbers")" 8
    same "upwards" "$(result up)" "$(sort -g <<<"$numbers" | paste -sd ' ') nan"
    same "downwards" "$(result down)" "$(sort -gr <<<"$numbers" | paste -sd ' ') nan"
    has "ten" "$(result up)" " 10.5 nan"
    same "aria-sort" "$(result sorted)" descending
}

schemes_and_widths() {
    local width
    for width in 400 1200; do
        query "$dark" "$width"
        same "dark paper" "$(result paper)" "rgb(20, 23, 27)"
        query "$light" "$width"
        same "light paper" "$(result paper)" "rgb(255, 255, 255)"
        same "wider than $width" "$(result overflow)" false
        same "labels that overlap or leave their chart at $width" "$(result overlaps)" 0
    done
}

# A screenshot of an empty page of this size has 5 kB.
pictures() {
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
test_case "report in a browser: screenshots" pictures
test_case "report in a browser: 72 runs" parts_fit_a_screen
test_done
