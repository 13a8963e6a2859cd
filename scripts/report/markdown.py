"""markdown: the tables and sentences of a report in GitHub's Markdown, without charts."""


def plain(text):
    """Text with the characters escaped that Markdown would read as markup."""
    return "".join("\\" + letter if letter in "\\`*|<[]" else letter for letter in text)


def cell(one):
    return f"[{plain(one.text)}]({one.link})" if one.link else plain(one.text)


def table(made):
    lines = [made.heads, ["---:" if numeric else "---" for numeric in made.numeric]]
    lines += [[cell(one) for one in row] for row in made.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def titled_table(made):
    return [f"## {made.title}", *([plain(made.words)] if made.words else []), table(made)]


def bullets(lines):
    return "\n".join(f"- {plain(line)}" for line in lines)


def text(report):
    parts = [f"# {plain(report.title)}", plain(" ".join(report.headline)), plain(report.shared)]
    for made in report.tables:
        parts += titled_table(made)
    if report.sentences:
        parts.append(bullets(report.sentences))
    parts.append("## Equations")
    for labels, lines in report.equations:
        parts += [plain(labels), "```\n" + "\n".join(lines) + "\n```"]
    parts += titled_table(report.run_list)
    if report.left_out:
        parts += ["## Left out", bullets(report.left_out)]
    parts += ["## How the numbers were made", bullets(f"{name}: {'; '.join(lines)}" for name, lines in report.facts)]
    return "\n\n".join(parts) + "\n"
