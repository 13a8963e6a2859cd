"""sentences: sentences that rest on a verdict, compared with docs/claims/verdicts.json.

A sentence in a page or config names a claim and the verdict on it: "[pre-worse](docs/claims.md#pre-worse): fails". A
sentence of run/commands/advice.c has both as fields. The verdict must be that of the claim, and in the README and in
advice.c every decimal number must be one of the claim, rounded. Prints what differs; exits with 1 if anything does.

    sentences.py ROOT VERDICTS.json
"""

import json
import re
import sys
from pathlib import Path

LINK = re.compile(
    r"claims\.md#([a-z0-9-]+)\)?: (holds|fails|no difference above the margin|undecided|not testable here)"
)
ADVICE = re.compile(r'((?:"[^"]*"\s*)+),\s*MEASURED,\s*"([a-z0-9-]+)",\s*([A-Z_]+|"[^"]*"),')
DECIMAL = re.compile(r"(?<![\d.])\d+\.\d+(?![\d.]*e)")
FEWEST = {"README.md": 6, "run/commands/advice.c": 14}  # a broken pattern finds none


def numbers(item):
    """All numbers of a claim, also those in its words."""
    if isinstance(item, dict):
        return [number for value in item.values() for number in numbers(value)]
    if isinstance(item, list):
        return [number for value in item for number in numbers(value)]
    if isinstance(item, str):
        return [float(number) for number in re.findall(r"\d+\.\d+", item)]
    return [float(item)] if isinstance(item, int | float) else []


def is_of(text, known):
    digits = len(text.split(".")[1])
    return any(f"{abs(number):.{digits}f}" == text for number in known)


def of_page(text):
    """(sentence, claim, verdict): a sentence is what stands between two links."""
    end = 0
    for match in LINK.finditer(text):
        yield re.split(r"\n\n|\n\* ", text[end : match.start()])[-1], match[1], match[2]
        end = match.end()


def of_advice(text):
    verdicts = dict(re.findall(r'#define ([A-Z_]+) "verdict there: ([^"]+)"', text))
    for match in ADVICE.finditer(text):
        yield "".join(re.findall(r'"([^"]*)"', match[1])), match[2], verdicts[match[3]]


def check(root, name, claims):
    text, found = (root / name).read_text(), []
    sentences = list(of_advice(text) if name.endswith(".c") else of_page(text))
    fewest = len(re.findall(r'MEASURED,\s*"', text)) if name.endswith(".c") else 0
    if len(sentences) < max(fewest, FEWEST.get(name, 0)):
        found.append(f"{name}: {len(sentences)} sentences found")
    for sentence, claim, verdict in sentences:
        if claim not in claims:
            found.append(f"{name}: there is no claim {claim}")
        elif claims[claim]["verdict"] != verdict:
            found.append(f'{name}: {claim}: the verdict is "{claims[claim]["verdict"]}", not "{verdict}"')
        elif name in FEWEST:
            known = numbers(claims[claim])
            found += [f"{name}: {claim} has no number {n}" for n in DECIMAL.findall(sentence) if not is_of(n, known)]
    return found


def main(root, verdicts):
    claims = {claim["id"]: claim for claim in json.loads(Path(verdicts).read_text())["claims"]}
    names = ["README.md", "run/commands/advice.c"]
    for pattern in ("docs/*.md", "configs/*.json"):
        names += sorted(str(path.relative_to(root)) for path in root.glob(pattern))
    found = [line for name in names for line in check(root, name, claims)]
    print("\n".join(found))
    sys.exit(bool(found))


main(Path(sys.argv[1]), sys.argv[2])
