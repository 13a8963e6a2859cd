"""page: a report as one HTML file that contains its style sheet and its script."""

from html import escape
from pathlib import Path

import svg

HERE = Path(__file__).parent
RIGHT = ' class="number"'


def words(text):
    """Escaped text without line breaks between a sign and its number, or a number and its unit."""
    for short in ("\N{PLUS-MINUS SIGN} ", " %"):
        text = text.replace(short, short.replace(" ", "\N{NO-BREAK SPACE}"))
    return escape(text)


def cell(one, first):
    text = f'<a href="{escape(one.link)}">{words(one.text)}</a>' if one.link else words(one.text)
    if first:
        return f'<th scope="row">{text}</th>'
    return f"<td>{text}</td>" if one.value is None else f'<td class="number" data-value="{one.value!r}">{text}</td>'


def table(made):
    """The script turns the headings into buttons; without it the table is not sortable."""
    heads = "".join(
        f'<th scope="col"{RIGHT * numeric}>{escape(head)}</th>'
        for head, numeric in zip(made.heads, made.numeric, strict=True)
    )
    rows = "\n".join("<tr>" + "".join(cell(one, i == 0) for i, one in enumerate(row)) + "</tr>" for row in made.rows)
    note = f"<p>{words(made.words)}</p>" if made.words else ""
    return (
        f'<h2>{made.title}</h2>{note}<div class="wide"><table id="{made.title.lower()}">'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def bullets(lines):
    return "<ul>" + "".join(f"<li>{words(line)}</li>" for line in lines) + "</ul>"


def section(made):
    legend = "".join(f"<li>{svg.sample(style)}{escape(name)}</li>" for style, name in made.legend)
    panels = "".join(
        f"<figure>{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}{drawing}</figure>"
        for caption, drawing in made.panels
    )
    return (
        f'<section><h2>{escape(made.title)}</h2><p>{words(made.words)}</p><ul class="legend">{legend}</ul>'
        f'<div class="panels">{panels}</div></section>'
    )


def equations(found):
    parts = (
        f"<details><summary>{words(labels)}</summary><pre>{escape(chr(10).join(lines))}</pre></details>"
        for labels, lines in found
    )
    return "<section><h2>Equations</h2>" + "".join(parts) + "</section>"


def facts(found):
    parts = (f"<dt>{name}</dt>" + "".join(f"<dd>{words(line)}</dd>" for line in lines) for name, lines in found)
    return "<section><h2>How the numbers were made</h2><dl>" + "".join(parts) + "</dl></section>"


def html(report):
    first, *others = report.headline
    results, *compared = report.tables
    body = [
        f"<header><h1>{escape(report.title)}</h1>",
        f'<p class="lead">{words(first)}</p><p>{words(" ".join(others))}</p>',
        f'<p class="quiet">{words(report.shared)}</p></header>',
        f"<section>{table(results)}</section>",
        *(f"<section>{table(made)}{bullets(report.sentences)}</section>" for made in compared),
        *map(section, report.sections),
        equations(report.equations),
        f"<section>{table(report.run_list)}</section>",
        *([f"<section><h2>Left out</h2>{bullets(report.left_out)}</section>"] if report.left_out else []),
        facts(report.facts),
    ]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report.title)}</title>
<style>
{(HERE / "page.css").read_text()}</style>
</head>
<body>
<main>
{chr(10).join(body)}
</main>
<script>
{(HERE / "page.js").read_text()}</script>
</body>
</html>
"""
