"""without_log META NAME: makes a meta.json one of a version that did not write the log NAME."""

import json
import sys
from pathlib import Path

START, PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, 2**64 - 1  # FNV-1a, 64 bits


def fnv(data):
    h = START
    for byte in data:
        h = (h ^ byte) * PRIME & MASK
    return h


path, name = Path(sys.argv[1]), sys.argv[2]
lines = [line for line in path.read_text().splitlines(keepends=True) if f'"{name}"' not in line]
body = "".join(lines[:-2])
assert len(lines) == path.read_text().count("\n") - 1 and '"check"' in lines[-2]
path.write_text(f'{body}  "check": "{fnv(body.encode()):016x}"\n}}\n')
json.loads(path.read_text())
