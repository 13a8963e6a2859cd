"""tables: the numbers of the report as cells, the same for HTML and Markdown."""

import math
import os
from urllib.parse import quote

import stats
import unit
from charts import last_train_loss
from compare import interval
from content import NOTHING, Cell, Part, Table, count, figure, signed
from runs import number


def with_interval(values):
    """mean +- half the width of its 95 % interval."""
    center, half = stats.mean(values), stats.half_width(values)
    text = figure(center).text
    return Cell(text if math.isnan(half) else f"{text} \N{PLUS-MINUS SIGN} {half:.4f}", center)


def per_thousand(group, key):
    """Spikes per 1,000 steps over all runs, including diverged ones."""
    steps = math.fsum(stats.finite(run.summary("steps") for run in group.runs))
    spikes = math.fsum(stats.finite(run.summary(key) for run in group.runs))
    return 1000 * spikes / steps if steps else math.nan


def group_row(group):
    gaps = stats.finite(run.summary("val_loss") - run.floor for run in group.healthy)
    train = stats.finite(map(last_train_loss, group.healthy))
    memory = group.values("peak_rss_mb")
    return [
        Cell(group.label),
        count(len(group.runs)),
        with_interval(group.values("val_loss")),
        figure(stats.mean(group.values("best_val_loss"))),
        figure(stats.mean(gaps)),
        figure(stats.mean(train)),
        figure(per_thousand(group, "grad_spikes"), ".2f"),
        figure(per_thousand(group, "loss_spikes"), ".2f"),
        count(group.diverged),
        figure(stats.median(group.values("tokens_per_s")), ",.0f"),
        figure(max(memory, default=math.nan), ",.0f"),
    ]


def optional_columns(groups):
    """(head, place, cell of a group) of the columns that only some reports need."""
    stuck = ("stuck", "tokens/s", lambda group: count(group.stuck))
    effective = ("effective lr", None, lambda group: figure(group.effective_lr, ".4g"))
    return [stuck] * any(group.stuck for group in groups) + [effective] * any(group.lr_scale != 1 for group in groups)


def results(groups, folded):
    words = (
        f"Losses in {unit.name()}: means over the seeds that did not diverge and were not stuck, \N{PLUS-MINUS SIGN} "
        "half the width of the 95 % interval. Spikes per 1,000 steps."
    )
    heads = [
        "group",
        "seeds",
        "final val loss",
        "best val loss",
        "gap to floor",
        "train loss",
        "grad spikes",
        "loss spikes",
        "diverged",
        "tokens/s",
        "peak MB",
    ]
    rows = [group_row(group) for group in groups]
    for head, before, cell in optional_columns(groups):
        at = heads.index(before) if before else len(heads)
        heads.insert(at, head)
        for group, row in zip(groups, rows, strict=True):
            row.insert(at, cell(group))
    return Part("Results", words, [Table("results", heads, rows)], folded)


def at_equal_rates(differences):
    """Of groups, if arms have several learning rates; otherwise the table of the arms has the same numbers."""
    rows = [
        [
            Cell(one.group.label),
            Cell(one.base.label),
            count(one.seeds),
            Cell(NOTHING if math.isnan(one.mean) else signed(one.mean), one.mean),
            Cell(interval(one.student) if one.judged else NOTHING),
            Cell(one.verdict),
        ]
        for one in differences
    ]
    heads = ["group", "baseline", "seeds", "difference", "95 % interval", "verdict"]
    words = "Final validation loss minus that of the baseline with the same seed; negative is better."
    return Part("Differences at equal learning rates", words, [Table("differences", heads, rows)], folded=True)


def link(run, name, beside):
    """A link if the run is below the folder of the report, so that both can be moved together; otherwise the name."""
    path = run.path / name
    if not path.exists():
        return Cell(NOTHING)
    relative = os.path.relpath(path, beside)
    return Cell(name) if relative.startswith("..") else Cell(name, link=quote(os.fsencode(relative)))


def run_list(groups, beside):
    """Every run of the groups, with links relative to the folder of the report."""
    rows = []
    for group in groups:
        for run in group.runs:
            rows.append(
                [
                    Cell(group.label),
                    Cell(str(run.seed), number(run.seed)),
                    figure(run.summary("val_loss")),
                    Cell(run.why or run.ending),
                    Cell(os.path.relpath(run.path, beside)),
                    link(run, "config.json", beside),
                    link(run, "log.csv", beside),
                ]
            )
    heads = ["group", "seed", "final val loss", "ending", "folder", "config", "log"]
    return Part("Runs", "", [Table("runs", heads, rows)], folded=True)
