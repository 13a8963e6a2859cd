"""report: reads runs, groups and compares them, and writes one HTML page and the same tables as Markdown."""

import argparse
import os
import shlex
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import charts
import compare
import groups as grouping
import markdown
import origin
import page
import runs as reading
import tables

EXIT_USAGE, EXIT_DATA, EXIT_IO = 2, 3, 4  # as of ./train


@dataclass
class Report:
    """The content of a page, before it is HTML or Markdown."""

    title: str
    headline: list  # sentences
    shared: str
    tables: list
    sentences: list  # about the differences
    sections: list  # charts
    equations: list
    run_list: object
    left_out: list  # sentences
    facts: list


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
    parser.add_argument("--title", metavar="TEXT")
    chosen = parser.parse_intermixed_args(words)
    chosen.out = Path(chosen.out or Path(chosen.runs[0]) / "report.html")
    if chosen.out.suffix != ".html":
        parser.error(f"--out {chosen.out} does not end in .html")
    return chosen


def report(chosen, command):
    groups, keys, left_out = grouping.gather(reading.read_runs(chosen.runs))
    if not groups:
        raise reading.NoRun(f"no run has finished: {left_out[0].path} {left_out[0].why}")
    differences = compare.differences(groups, chosen.baseline)
    count = sum(len(group.runs) for group in groups)
    title = f"{count} run{'s' * (count > 1)} in {len(groups)} group{'s' * (len(groups) > 1)}"
    return Report(
        title=chosen.title or title,
        headline=compare.headline(groups, differences),
        shared=origin.shared(groups, keys),
        tables=[tables.results(groups)] + ([tables.paired(differences)] if differences else []),
        sentences=compare.sentences(differences),
        sections=charts.sections(groups, keys),
        equations=origin.equations(groups, keys),
        run_list=tables.run_list(groups, chosen.out.parent),
        left_out=[f"{run.path} {run.why}." for run in left_out],
        facts=origin.facts(groups, left_out, command),
    )


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
    except compare.NoBaseline as error:
        stop(EXIT_USAGE, error)
    except reading.NoRun as error:
        stop(EXIT_DATA, error)
    write(chosen.out, page.html(made))
    write(chosen.out.with_suffix(".md"), markdown.text(made))
    say(" ".join(made.headline), f"report: {chosen.out} and {chosen.out.with_suffix('.md')}")


main(sys.argv[1:])
