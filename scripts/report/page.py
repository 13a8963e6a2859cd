"""page: a report as one HTML file that contains its style sheet and its script."""

from html import escape
from pathlib import Path

import forest
import svg
from content import Bullets, Charts, Facts, Forest, Listing, Table

HERE = Path(__file__).parent
RIGHT = ' class="number"'
MANY = 4  # panels, from which on they are smaller


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
    return (
        f'<div class="wide"><table id="{made.id}"><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def bullets(made):
    return "<ul>" + "".join(f"<li>{words(line)}</li>" for line in made.lines) + "</ul>"


def charts(made):
    legend = "".join(f"<li>{svg.sample(style)}{escape(name)}</li>" for style, name in made.legend)
    panels = "".join(
        f"<figure>{f'<figcaption>{escape(caption)}</figcaption>' if caption else ''}{drawing}</figure>"
        for caption, drawing in made.panels
    )
    many = " many" * (len(made.panels) > MANY)
    return f'<ul class="legend">{legend}</ul><div class="panels{many}">{panels}</div>'


def listing(made):
    text = escape("\n".join(made.lines))
    return f"<details><summary>{words(made.caption)}</summary><pre>{text}</pre></details>"


def facts(made):
    parts = (f"<dt>{name}</dt>" + "".join(f"<dd>{words(line)}</dd>" for line in lines) for name, lines in made.rows)
    return "<dl>" + "".join(parts) + "</dl>"


WRITERS = {Table: table, Bullets: bullets, Charts: charts, Listing: listing, Facts: facts, Forest: forest.html}


def part(made):
    note = f"<p>{words(made.words)}</p>" if made.words else ""
    body = note + "".join(WRITERS[type(item)](item) for item in made.items)
    title = f"<h2>{escape(made.title)}</h2>"
    if made.folded:
        return f'<details class="part" id="{made.id}"><summary>{title}</summary><section>{body}</section></details>'
    return f'<section id="{made.id}">{title}{body}</section>'


def contents(parts):
    links = "".join(f'<li><a href="#{made.id}">{escape(made.title)}</a></li>' for made in parts)
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def html(report):
    first, *others = report.headline
    body = [
        f"<header><h1>{escape(report.title)}</h1>",
        f'<p class="lead">{words(first)}</p><p>{words(" ".join(others))}</p>',
        f'<p class="quiet">{words(report.shared)}</p></header>',
        contents(report.parts),
        *map(part, report.parts),
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
