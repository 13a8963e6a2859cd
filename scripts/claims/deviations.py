"""deviations: docs/claims/deviations.md, the changes of the plan after the runs, from the git history.

The plan is what scripts/claims/claims.py contains in each commit: the tests of every claim, without their words. A
change is a deviation if the CSV of a part that the claim reads was there already, or came with the same commit.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PLAN = ["scripts/claims/claim.py", "scripts/claims/arms.py", "scripts/claims/claims*.py"]
FOLDERS = ["scripts/claims", "scripts/report"]
RESULTS = "docs/claims"
PILOTS = ("pilot", "pilot_deep")

# Run in the folder of a commit: the plan as JSON. Tests without a claimed side only compare, and are no plan.
READ = """
import dataclasses, json, sys
sys.path[:0] = ["scripts/claims", "scripts/report"]
from claims import CLAIMS
WORDS = ("label", "end_point", "exploratory", "pilot", "size")

def plain(item):
    if dataclasses.is_dataclass(item):
        item = dataclasses.asdict(item)
    if isinstance(item, dict):
        return {str(k): plain(v) for k, v in item.items() if k not in WORDS and v not in (None, "", [], {}, False, 0)}
    return [plain(value) for value in item] if isinstance(item, (list, tuple)) else item

def judged(test):
    return "direction" in test or any(test.get(key) for key in ("sign", "within", "least"))

plans = {}
for claim in CLAIMS:
    claim = plain(claim)
    tests = [claim["primary"]] if "primary" in claim else claim.get("tests", [])
    rule = "every test" if claim.get("every") else "one test"
    name = claim.get("id") or claim["name"]
    rule = rule if len(tests) > 1 else "one test"
    plans[name.replace("_", "-")] = {"rule": rule, "tests": list(filter(judged, tests))}
print(json.dumps(plans))
"""


def git(root, *words):
    return subprocess.run(["git", "-C", root, *words], check=True, capture_output=True).stdout


def commits(root):
    """[(hash, date, subject)] of the commits that touch the plan, oldest first."""
    said = git(root, "log", "--reverse", "--format=%H%x09%as%x09%s", "--", *PLAN).decode()
    return [line.split("\t", 2) for line in said.splitlines()]


def plan_of(root, commit):
    """{claim: {rule, tests}} of a commit, or None where its claims cannot be read."""
    there = git(root, "ls-tree", "--name-only", commit, *FOLDERS).decode().split()
    with tempfile.TemporaryDirectory() as folder:
        archive = git(root, "archive", commit, *there)
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        ran = subprocess.run([sys.executable, "-B", "-c", READ], cwd=folder, capture_output=True)
        return json.loads(ran.stdout) if ran.returncode == 0 else None


def measured_parts(root, commit):
    """The parts whose results a commit has."""
    names = git(root, "ls-tree", "--name-only", commit, f"{RESULTS}/").decode().split()
    return {Path(name).stem for name in names if name.endswith(".csv")} - set(PILOTS)


def parts_of(plan):
    return {test[arm]["part"] for test in plan["tests"] for arm in ("a", "b") if arm in test} if plan else set()


WORDS = {
    "tuned": "{} at best rates",
    "at_best": "{} at best rates",
    "best_rate": "best rate",
    "ratio": "ratio of {}",
    "level_ratio": "logarithm of {}",
    "counts": "number of {}",
    "failures": "failures",
    "sensitivity": "sensitivity to the learning rate",
    "fit": "difference of fits",
}


def end_points(plan):
    """Words for what the tests of a plan measure."""
    found = {WORDS.get(test.get("kind"), "{}").format(test.get("metric", "val_loss")) for test in plan["tests"]}
    return ", ".join(sorted(found))


def tests(count, word):
    return f"{count} test{'s' if count > 1 else ''} {word}"


def change(old, new):
    """What became of a claim, in words; empty if its plan is the same."""
    if old == new:
        return ""
    if not old or not old["tests"]:
        return f"new: {tests(len(new['tests']), 'of')} {end_points(new)}" if new and new["tests"] else ""
    if not new or not new["tests"]:
        return "removed"
    before, after = ([json.dumps(test, sort_keys=True) for test in plan["tests"]] for plan in (old, new))
    gone, come = (sum(test not in other for test in these) for these, other in ((before, after), (after, before)))
    words = [tests(count, word) for count, word in ((gone, "removed"), (come, "added")) if count]
    if end_points(old) != end_points(new):
        words.append(f"{end_points(old)} became {end_points(new)}")
    if old["rule"] != new["rule"]:
        words.append(f"{old['rule']} became {new['rule']}")
    return "; ".join(words)


def renamed(claim, last, plan):
    """Whether a claim differs from one of the commit before, or after, by its name alone."""
    here, there = (plan, last) if claim in plan else (last, plan)
    if claim in there:
        return False
    return any(name not in here and there[name] == here[claim] for name in there)


def deviations(root):
    """[(date, subject, claim, change, parts that had run)], oldest first."""
    found, last = [], {}
    for commit, date, subject in commits(root):
        plan = plan_of(root, commit)
        if plan is None:
            found.append((date, subject, "all", "the plan of this commit cannot be read", ""))
            continue
        results = measured_parts(root, commit)
        for claim in [*plan, *(name for name in last if name not in plan)]:
            old, new = last.get(claim), plan.get(claim)
            if renamed(claim, last, plan):
                continue
            words = change(old, new)
            ran = sorted((parts_of(old) | parts_of(new)) & results)
            if words and ran:
                found.append((date, subject, claim, words, ", ".join(ran)))
        last = plan
    return found


HEAD = """# Deviations from the plan

Generated from the git history by `scripts/claims.sh --deviations`: every change of what decides a claim that was
committed when runs that it reads were there already. Changes of words are no deviations. [protocol.md](protocol.md)
has the rules.

## Changes after results

| date | commit | claim | change | parts that had run |
| --- | --- | --- | --- | --- |
"""

VERDICTS = """
## Verdicts under the original plan

| claim | original verdict | its rule | verdict now | what changed |
| --- | --- | --- | --- | --- |
"""


def cell(text):
    return text.replace("|", "\\|")


def page(root):
    lines = [f"| {' | '.join(map(cell, line))} |\n" for line in deviations(root)]
    text = HEAD + "".join(lines)
    path = Path(root) / RESULTS / "verdicts.json"
    if not path.exists():
        return text
    claims = json.loads(path.read_text())["claims"]
    rows = [
        (
            f"[{claim['id']}](../claims.md#{claim['id']})",
            *original(claim),
            claim["verdict"],
            claim["original"]["deviation"],
        )
        for claim in claims
        if claim["original"]
    ]
    return text + VERDICTS + "".join(f"| {' | '.join(map(cell, row))} |\n" for row in rows)


def original(claim):
    return claim["original"]["verdict"], claim["original"]["rule"]
