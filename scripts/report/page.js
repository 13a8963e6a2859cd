// A click on a heading sorts its table: first ascending, then descending. NaN comes last.
for (const table of document.querySelectorAll("table")) {
    table.querySelectorAll("thead th").forEach((head, column) => {
        const button = document.createElement("button");
        button.append(...head.childNodes);
        head.append(button);
        button.addEventListener("click", () => sort(table, head, column));
    });
}

// A link to a folded part opens it.
function unfold() {
    const part = document.getElementById(location.hash.slice(1));
    if (part && part.tagName === "DETAILS") part.open = true;
}
addEventListener("hashchange", unfold);
unfold();

// Print the folded details, too.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));

function sort(table, head, column) {
    const up = head.getAttribute("aria-sort") !== "ascending";
    const sign = up ? 1 : -1;
    const rows = [...table.tBodies[0].rows].map((row) => [key(row.cells[column]), row]);
    rows.sort(([a], [b]) => (Number.isNaN(a) - Number.isNaN(b)) || sign * compare(a, b));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    table.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
}

function key(cell) {
    return "value" in cell.dataset ? Number(cell.dataset.value) : cell.textContent;
}

function compare(a, b) {
    return a < b ? -1 : a > b ? 1 : 0;
}
