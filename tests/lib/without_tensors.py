#!/usr/bin/env python3
"""without_tensors.py RUN - rewrites the checkpoints of a run as version 0.2.0 began: without the health.stuck
tensors and row.max_logit.

These tensors are the last of optimizer.safetensors. to_version_1.py also leaves them out.
"""

import json
import pathlib
import re
import struct
import sys

NEW = ("health.stuck_", "row.max_logit")


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def old_state(data):
    """The file without the new tensors, which must be the last ones."""
    (length,) = struct.unpack("<Q", data[:8])
    header, payload = json.loads(data[8 : 8 + length]), data[8 + length :]
    new = [name for name in header if name.startswith(NEW)]
    if not new:
        return data
    assert list(header)[-len(new) :] == new
    end = min(header[name]["data_offsets"][0] for name in new)
    for name in new:
        del header[name]
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + payload[:end]


def rewrite(folder, name, change):
    """Replaces a file of a checkpoint by change(its bytes), and its entry in meta.json."""
    data = change((folder / name).read_bytes())
    (folder / name).write_bytes(data)
    meta = (folder / "meta.json").read_text()
    entry = f'"{name}": {{"bytes": {len(data)}, "fnv1a64": "{fnv1a64(data)}"}}'
    meta, count = re.subn(f'"{re.escape(name)}": ' + r"\{[^}]*\}", entry, meta)
    assert count == 1, name
    body = meta[: meta.index('  "check"')]
    (folder / "meta.json").write_text(body + f'  "check": "{fnv1a64(body.encode())}"\n}}\n')


def folders(run):
    return sorted(pathlib.Path(run).glob("checkpoints/step_*"))


if __name__ == "__main__":
    for folder in folders(sys.argv[1]):
        rewrite(folder, "optimizer.safetensors", old_state)
