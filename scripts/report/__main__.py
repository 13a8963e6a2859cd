"""report: reads runs, groups and compares them, and writes one HTML page and the same tables as Markdown."""

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path

import answer
import charts
import compare
import factors
import groups as grouping
import markdown
import origin
import page
import runs as reading
import tables
import tuned
from content import Bullets, Part, Report, plural

EXIT_USAGE, EXIT_DATA, EXIT_IO = 2, 3, 4  # as of ./train


class Arguments(argparse.ArgumentParser):
    def error(self, message):
        stop(EXIT_USAGE, f"{message}; --help says more")


def stop(code, message):
    print(f"report.sh: {message}", file=sys.stderr)
    sys.exit(code)


def arguments(words):
    parser = Arguments(add_help=False, allow_abbrev=False)
    parser.add_argument("runs", nargs="+", metavar="RUNS")
    parser.add_argument("--out", metavar="FILE.html")
    parser.add_argument("--baseline", metavar="LABEL")
    parser.add_argument("--by", metavar="KEY", action="append", default=[])
    parser.add_argument("--title", metavar="TEXT")
    chosen = parser.parse_intermixed_args(words)
    chosen.out = Path(chosen.out or Path(chosen.runs[0]) / "report.html")
    if chosen.out.suffix != ".html":
        parser.error(f"--out {chosen.out} does not end in .html")
    return chosen


def title_of(arms, groups):
    runs = plural(sum(len(group.runs) for group in groups), "run")
    if len(arms) == len(groups):
        return f"{runs} in {plural(len(groups), 'group')}"
    rates = {group.config.get(grouping.LR) for group in groups}
    return f"{runs}: {plural(len(arms), 'arm')} at {plural(len(rates), 'learning rate')}"


def at_all_rates(groups, keys, base):
    """The groups, each at its own learning rate, and compared at equal rates."""
    pairs = zip(groups, compare.baselines(groups, base), strict=True)
    found = [compare.at_equal_rates(group, other) for group, other in pairs if group is not other]
    differences = [tables.at_equal_rates(found)] * bool(found)
    return [tables.results(groups, folded=True), *differences, *charts.all_rates(groups, keys)]


def report(chosen, command):
    groups, keys, left_out = grouping.gather(reading.read_runs(chosen.runs))
    if not groups:
        raise reading.NoRun(f"no run has finished: {left_out[0].path} {left_out[0].why}")
    arms, arm_keys = tuned.arms_of(groups, keys)
    base_arm, base_group = tuned.chosen_baseline(arms, groups, chosen.baseline)
    compared = tuned.differences(arms, base_arm)
    equal_time = grouping.at_equal_time(run for group in groups for run in group.runs)
    several_rates = len(arms) < len(groups)
    parts = [answer.part(arms, compared, equal_time)]
    parts += [answer.in_words(compared)] * bool(compared)
    parts += factors.parts(chosen.by, arms, groups, keys)
    parts += [] if several_rates else [tables.results(groups, folded=False)]
    parts += charts.parts(arms, arm_keys, groups, keys)
    parts += at_all_rates(groups, keys, base_group) if several_rates else []
    parts += origin.equations(groups, keys)
    parts += [tables.run_list(groups, chosen.out.parent)]
    parts += [Part("Left out", "", [Bullets([f"{run.path} {run.why}." for run in left_out])])] * bool(left_out)
    parts.append(origin.facts(groups, left_out, command))
    title = chosen.title or title_of(arms, groups)
    stopped = answer.stopped_sentence(grouping.stopped_settings(groups, left_out, equal_time))
    headline = answer.headline(arms, groups, compared, equal_time) + stopped
    return Report(title, headline, origin.shared(groups, keys), parts)


def write(path, text):
    """Writes a file that appears complete or not at all. A name that is not UTF-8 gets "?" for its other bytes."""
    new = path.with_name(path.name + ".tmp")
    try:
        new.write_bytes(text.encode("utf-8", "replace"))
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        stop(EXIT_IO, f"cannot write {path}: {error.strerror}; --out writes elsewhere")


def say(*lines):
    """Prints lines. A closed pipe ends the program as if by SIGPIPE, without a message."""
    try:
        for line in lines:
            sys.stdout.write(line.encode("utf-8", "replace").decode() + "\n")
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        if isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        stop(EXIT_IO, f"cannot write to standard output: {error.strerror}")


def main(words):
    chosen = arguments(words)
    try:
        made = report(chosen, shlex.join(["scripts/report.sh", *words]))
    except (compare.NoBaseline, factors.NoKey) as error:
        stop(EXIT_USAGE, error)
    except reading.NoRun as error:
        stop(EXIT_DATA, error)
    write(chosen.out, page.html(made))
    write(chosen.out.with_suffix(".md"), markdown.text(made))
    say(" ".join(made.headline), f"report: {chosen.out} and {chosen.out.with_suffix('.md')}")


main(sys.argv[1:])
