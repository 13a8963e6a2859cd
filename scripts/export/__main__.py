"""export FORMAT RUN OUT: the CSV files of a run as JSON lines, a TensorBoard event file, or an offline run of wandb.

records.py reads the files; each format is one function below. The two libraries write their own formats."""

import json
import os
import signal
import sys
from pathlib import Path

import records

EXIT_USAGE, EXIT_IO = 2, 4  # as of ./train


def to_jsonl(run, out):
    """One object for each record of a file; what was not measured has no key, and nan and inf are null."""
    lines = (json.dumps({"file": file, **values}, allow_nan=False) + "\n" for file, values in records.plain(run))
    if not out:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
        return
    new = out.with_name(out.name + ".tmp")
    try:
        with open(new, "w") as file:
            file.writelines(lines)
        new.replace(out)
    finally:
        new.unlink(missing_ok=True)


def to_tensorboard(run, out):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(out), write_to_disk=True) as writer:
        writer.add_text("config", "```\n" + (run / "config.json").read_text(errors="replace") + "\n```", 0)
        for step, tag, value in records.scalars(run):
            writer.add_scalar(tag, value, step)


def to_wandb(run, out):
    os.environ |= {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}
    import wandb

    out.mkdir(parents=True)
    settings = wandb.Settings(console="off", disable_git=True, x_disable_stats=True, x_disable_machine_info=True)
    config = json.loads((run / "config.json").read_text(errors="replace"))
    name = run.resolve().name
    logged = wandb.init(mode="offline", dir=str(out), project="peri", name=name, config=config, settings=settings)
    by_step = {}
    for step, tag, value in records.scalars(run):
        by_step.setdefault(step, {})[tag] = value
    for step in sorted(by_step):
        logged.log(by_step[step], step=step)
    logged.finish()


FORMATS = {"jsonl": to_jsonl, "tensorboard": to_tensorboard, "wandb-offline": to_wandb}


def main(name, run, out):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        FORMATS[name](Path(run), Path(out) if out else None)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        print(f"export_logs.sh: cannot write {out or 'to standard output'}: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_IO)
    if out:
        print(f"{name}: {out}")


main(*sys.argv[1:])
