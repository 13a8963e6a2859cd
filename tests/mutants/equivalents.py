"""equivalent.txt: the mutants that no test can kill, each with its reason.

An entry is found again by file, rule and text, so edits elsewhere in the file do not matter.
"""

import re
from dataclasses import dataclass
from pathlib import Path

PATH = Path(__file__).parent / "equivalent.txt"


@dataclass
class Entry:
    line: int  # of equivalent.txt
    file: str
    rule: str
    before: str
    after: str

    @property
    def key(self):
        return self.file, self.rule, self.before, self.after


def entries(path=PATH):
    file = rule = before = ""
    for number, text in enumerate(path.read_text().splitlines(), start=1):
        if head := re.fullmatch(r"([a-z]+(?:/[a-z_0-9]+)+\.[ch]) ([a-z]+)", text):
            file, rule = head.groups()
        elif text.startswith("- "):
            before = text[2:]
        elif text == "+" or text.startswith("+ "):
            yield Entry(number, file, rule, before, text[1:].removeprefix(" "))


def stale(mutants, path=PATH):
    """The entries that are no mutant of the sources now: their line was changed, moved to another file or deleted."""
    known = {mutant.key for mutant in mutants}
    return [entry for entry in entries(path) if entry.key not in known]
