"""markdown: the tables and sentences of a report in GitHub's Markdown, without charts."""

from content import Bullets, Facts, Listing, Table


def plain(text):
    """Text with the characters escaped that Markdown would read as markup."""
    return "".join("\\" + letter if letter in "\\`*|<[]" else letter for letter in text)


def cell(one):
    return f"[{plain(one.text)}]({one.link})" if one.link else plain(one.text)


def table(made):
    lines = [made.heads, ["---:" if numeric else "---" for numeric in made.numeric]]
    lines += [[cell(one) for one in row] for row in made.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bullets(lines):
    return "\n".join(f"- {plain(line)}" for line in lines)


def listing(made):
    return plain(made.caption) + "\n\n```\n" + "\n".join(made.lines) + "\n```"


WRITERS = {
    Table: table,
    Bullets: lambda made: bullets(made.lines),
    Listing: listing,
    Facts: lambda made: bullets(f"{name}: {'; '.join(lines)}" for name, lines in made.rows),
}


def part(made):
    """A part, or nothing if it contains only drawings."""
    items = [WRITERS[type(item)](item) for item in made.items if type(item) in WRITERS]
    return "\n\n".join([f"## {made.title}", *([plain(made.words)] if made.words else []), *items]) if items else ""


def text(report):
    parts = [f"# {plain(report.title)}", plain(" ".join(report.headline)), plain(report.shared)]
    return "\n\n".join(filter(None, parts + [part(made) for made in report.parts])) + "\n"
