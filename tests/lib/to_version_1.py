#!/usr/bin/env python3
"""to_version_1.py RUN - rewrites the checkpoints of a run as format_version 1 wrote them.

Version 1 differs in the names of the tensors `.running_scale` (`.deviation`), in the hash of the
equations (of their text), and in the version itself.
"""

import pathlib
import re
import struct
import sys

FILES = ("model.safetensors", "optimizer.safetensors")


def fnv1a64(data):
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def old_safetensors(data):
    (length,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + length].rstrip(b" ")
    assert b'"format_version":"2"' in header
    header = header.replace(b'"format_version":"2"', b'"format_version":"1"')
    header = header.replace(b'.running_scale":', b'.deviation":')
    header = re.sub(rb'"equations":"[0-9a-f]{16}"', b'"equations":"0123456789abcdef"', header)
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def old_checkpoint(folder):
    meta = (folder / "meta.json").read_text()
    for name in FILES:
        data = old_safetensors((folder / name).read_bytes())
        (folder / name).write_bytes(data)
        entry = f'"{name}": {{"bytes": {len(data)}, "fnv1a64": "{fnv1a64(data)}"}}'
        meta, count = re.subn(rf'"{re.escape(name)}": \{{[^}}]*\}}', entry, meta)
        assert count == 1, name
    body = meta[: meta.index('  "check"')]
    (folder / "meta.json").write_text(body + f'  "check": "{fnv1a64(body.encode())}"\n}}\n')


def main():
    for folder in sorted(pathlib.Path(sys.argv[1]).glob("checkpoints/step_*")):
        old_checkpoint(folder)


if __name__ == "__main__":
    main()
