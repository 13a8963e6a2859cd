#!/usr/bin/env python3
"""to_version_1.py RUN - rewrites the checkpoints of a run as format_version 1 wrote them.

Version 1 differs in the names of the tensors `.running_scale` (`.deviation`), in the hash of the
equations (of their text), in the version itself, and lacks what without_tensors.py removes.
"""

import re
import struct
import sys

from without_tensors import folders, old_state, rewrite

FILES = ("model.safetensors", "optimizer.safetensors")


def old_safetensors(data):
    data = old_state(data)
    (length,) = struct.unpack("<Q", data[:8])
    header = data[8 : 8 + length].rstrip(b" ")
    assert b'"format_version":"2"' in header
    header = header.replace(b'"format_version":"2"', b'"format_version":"1"')
    header = header.replace(b'.running_scale":', b'.deviation":')
    header = re.sub(rb'"equations":"[0-9a-f]{16}"', b'"equations":"0123456789abcdef"', header)
    header += b" " * (-len(header) % 8)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


if __name__ == "__main__":
    for folder in folders(sys.argv[1]):
        for name in FILES:
            rewrite(folder, name, old_safetensors)
