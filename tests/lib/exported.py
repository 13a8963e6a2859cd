"""exported FORMAT RUN OUT: reads back what scripts/export_logs.sh wrote, and compares every number with the CSV files.

FORMAT: jsonl, tensorboard or wandb-offline. Prints the number of values. Shares nothing with scripts/export. The
messages in the files of the two libraries are read by their own code, the frames around them by functions here."""

import csv
import json
import math
import struct
import sys
from pathlib import Path

PLACE = ["layer", "sublayer", "site", "position", "tensor", "kind"]


def same(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def fields(run):
    """(file, number of the record in it, its fields) of every CSV file that is exported."""
    for name in ("log", "layers", "tensors", "spikes"):
        if (run / f"{name}.csv").exists():
            with open(run / f"{name}.csv", newline="") as file:
                for number, row in enumerate(csv.DictReader(file)):
                    yield name, number, {key: text for key, text in row.items() if text}


def as_number(text):
    try:
        return float(text)
    except ValueError:
        return None


def jsonl(run, out):
    """Every field, with its type."""
    records, count = [json.loads(line) for line in out.read_text().splitlines()], 0
    wanted = list(fields(run))
    assert len(records) == len(wanted), (len(records), len(wanted))
    for record, (name, _, row) in zip(records, wanted, strict=True):
        assert record.pop("file") == name
        assert list(record) == list(row), (list(record), list(row))
        for key, text in row.items():
            number = as_number(text)
            expected = text if number is None else number if math.isfinite(number) else None
            assert record[key] == expected and type(record[key]) is not bool, (name, key, record[key], text)
            count += 1
    return count


def scalars(run):
    """{(tag, step): number}"""
    found = {}
    for name, _, row in fields(run):
        place = ".".join(row[key] for key in PLACE if key in row)
        for key, text in row.items():
            if key not in PLACE and key != "step" and as_number(text) is not None:
                tag = f"{name}.{key}/{place}" if place else f"{name}/{key}"
                found[tag, int(row["step"])] = as_number(text)
    return found


def tensorboard(run, out):
    from tensorboardX.proto.event_pb2 import Event

    (path,) = out.glob("events.out.tfevents.*")
    data, at, found, texts = path.read_bytes(), 0, {}, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        event = Event.FromString(data[at + 12 : at + 12 + length])
        at += 12 + length + 4
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found[value.tag, event.step] = value.simple_value
            else:
                texts.append(value.tag)
    wanted = {key: struct.unpack("f", struct.pack("f", value))[0] for key, value in scalars(run).items()}
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    assert all(same(found[key], wanted[key]) for key in wanted)
    assert any("config" in tag for tag in texts), texts
    return len(found)


def messages(data):
    """Those of a LevelDB log: blocks of 32 KiB, in each frames of checksum, length, kind and part of a message."""
    block, at, whole = 1 << 15, 7, b""
    while at + 7 <= len(data):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # all of a message, or its last part
            yield whole
            whole = b""


def wandb(run, out):
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = out.glob("wandb/offline-run-*/run-*.wandb")
    found, config = {}, {}
    for data in messages(path.read_bytes()):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            step = record.history.step.num
            found |= {(key, step): float(value) for key, value in row.items() if not key.startswith("_")}
        if record.WhichOneof("record_type") == "run":
            assert record.run.display_name == run.name, record.run.display_name
            config = {item.key: json.loads(item.value_json) for item in record.run.config.update}
    wanted = scalars(run)
    assert found.keys() == wanted.keys(), found.keys() ^ wanted.keys()
    assert all(same(found[key], wanted[key]) for key in wanted)
    assert config["model"] == json.loads((run / "config.json").read_text())["model"], config
    return len(found)


print({"jsonl": jsonl, "tensorboard": tensorboard, "wandb-offline": wandb}[sys.argv[1]](*map(Path, sys.argv[2:])))
