"""page: docs/claims.md from docs/claims/verdicts.json: advice, the forest plot, a table of verdicts, and a section with
a picture for each claim."""

import json
from pathlib import Path

import strips

TITLE = "Claims about norms, tested in transformers of 0.2 to 1.6 M parameters"
INTRO = """{article} claims of an article about norm placement, and {own} of our own, measured in small models: 4 blocks
of width 64 (0.2 M parameters, 1,200 steps), 12 to 96 blocks of width 32 (300 steps), and nanoGPT's character model
(0.8 M parameters, 2,000 steps). Larger models may behave differently."""
READING = """A verdict compares an interval with the smallest difference that matters: [protocol](claims/protocol.md).
*Exploratory* tests were defined after a look at the runs ([deviations](claims/deviations.md)). All numbers are in
[claims/tables.md](claims/tables.md), the data in [verdicts.json](claims/verdicts.json) and the CSVs beside it."""
SECTIONS = {"article": "The article's claims", "own": "Our own claims"}
# Charts beside the strip of a claim: {claim: (file, what it shows)}.
CHARTS = {
    "variance": ("variance", "Variance over depth, relative to block 1. The CSVs have blocks 1, 60 and 64"),
    "post-depth": ("depth", "Loss and failed runs over depth: mean and seeds; 95 % intervals of the fractions"),
    "pre-worse": ("rates", "Final loss over the learning rate: mean and seeds"),
    "peri-deep": ("plateau", "Every seed from step 100 to step 300, at 12 and 64 blocks"),
    "literal": ("variants", "Final loss over the learning rate of related placements: mean and seeds"),
}
FOREST = "Peri-LN minus Pre-LN in every setting, with the margin of 0.02 nats"
EXPLORATORY = " (exploratory)"


def load(folder):
    return json.loads((Path(folder) / "verdicts.json").read_text())


def verdict_of(claim):
    return claim["verdict"] + (EXPLORATORY if claim["exploratory"] else "")


def measured_of(claim):
    """The cell of a table: the estimate with its interval, and what was compared; or the reason without a test."""
    test = claim["primary"]
    if test is None:
        return claim["why"].rstrip(".")
    unit = {"nats": " nats", "R2": "", "ratio": "", "failures": " of the runs"}[test["unit"]]
    if test["estimate"] is None:
        return f"no events: {test['label']}"
    number, span = strips.number(test["estimate"], test["unit"]), strips.with_interval(test).split(" ", 1)[1]
    return f"{number}{unit} {span}: {test['label']}"


def inside_of(claim):
    if claim["number_inside"] is None:
        return "\N{EN DASH}"
    word = "yes" if claim["number_inside"] else "no"
    return f"{word} ({claim['number_row']})" if claim["number_row"] else word


def table(claims):
    lines = [
        "| claim | claimed | measured (95 % interval) | verdict | number inside? |",
        "| --- | --- | --- | --- | --- |",
    ]
    for claim in claims:
        claimed = claim["claimed"]["text"] if claim["claimed"] else "\N{EN DASH}"
        cells = [f"[{claim['text'].rstrip('.')}](#{claim['id']})", claimed, measured_of(claim)]
        lines.append(f"| {' | '.join([*cells, verdict_of(claim), inside_of(claim)])} |")
    return lines


def advice(found):
    """The sentences, each with the verdicts it rests on."""
    verdicts = {claim["id"]: claim["verdict"] for claim in found["claims"]}
    for i, sentence in enumerate(found["advice"], 1):
        links = ", ".join(f"[{claim}](#{claim}): {verdicts[claim]}" for claim in sentence["claims"])
        head, colon, rest = sentence["text"].partition(":")
        yield f"{i}. **{head}{colon}**{rest} (Claims: {links}.)"


def sentence(words):
    words = words.strip()
    return words if not words or words.endswith((".", ")")) else words + "."


def details(claim):
    """One paragraph: verdict, reason, what it would take, what is published, scope."""
    parts = [f"**{verdict_of(claim)}.** {claim['why']}"]
    if claim["needed"]:
        parts.append(f"To decide: {sentence(claim['needed']['text'])}")
    parts += [sentence(claim["comment"]), f"Published: {sentence(claim['literature'])}" if claim["literature"] else ""]
    scope = claim["scope"]
    if scope["model"]:
        steps = f", {scope['steps']:,} step{'s' * (scope['steps'] != 1)}" if scope["steps"] else ""
        seeds = f", {scope['n']} seeds" if scope["n"] else ""
        parts.append(f"Scope: {scope['model']}{steps}{seeds}.")
    if claim["primary"]:
        parts.append(f"[All numbers](claims/tables.md#{claim['id']}).")
    return " ".join(part for part in parts if part)


def section(claim):
    lines = [f'### <a id="{claim["id"]}"></a>{claim["text"]}']
    pictures = [CHARTS[claim["id"]]] if claim["id"] in CHARTS else []
    if claim["primary"]:
        pictures.append((f"claim-{claim['id']}", claim["primary"]["label"]))
    if pictures:  # a backslash ends the line in Markdown
        lines.append(" ".join(f"![{words}](claims/{name}.svg)" for name, words in pictures) + "\\")
    return [*lines, details(claim), ""]


def tally(claims, counts):
    parts = ", ".join(f"*{verdict}* {number}" for verdict, number in counts.items() if number)
    return f"Of {len(claims)} claims: {parts}."


def page(folder):
    found = load(folder)
    groups = {name: [claim for claim in found["claims"] if claim["section"] == name] for name in SECTIONS}
    intro = INTRO.format(**{name: len(claims) for name, claims in groups.items()})
    lines = [f"# {TITLE}", "", *intro.splitlines(), "", *advice(found), ""]
    lines += [f"![{FOREST}](claims/forest.svg)", "", *READING.splitlines()]
    for name, title in SECTIONS.items():
        lines += ["", f"## {title}", "", tally(groups[name], found["tally"][name]), "", *table(groups[name]), ""]
        for claim in groups[name]:
            lines += section(claim)
        lines.pop()
    return "\n".join(lines) + "\n"
