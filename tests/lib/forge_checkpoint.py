"""forge_checkpoint.py FOLDER: adds keys that name a command to the metadata of a checkpoint, with right hashes.

FOLDER is checkpoints/step_... of a run. Both files get the keys, and so does the config in their metadata.
"""

import json
import struct
import sys
from pathlib import Path

COMMAND = "touch owned"
NAMES = ("on_event", "on-event", "PERI_ON_EVENT")


def fnv1a64(data):
    """The hash of run/io/files.h."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def forge(path, inside):
    """Rewrites a safetensors file; `inside`: the stored config gets the keys, too."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    metadata = header["__metadata__"]
    metadata.update(dict.fromkeys(NAMES, COMMAND))
    if inside:
        config = json.loads(metadata["config"])
        config["log"] = {name: COMMAND for name in NAMES}
        metadata["config"] = json.dumps(config)
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text.encode() + data[8 + size :])
    return {"bytes": len(path.read_bytes()), "fnv1a64": fnv1a64(path.read_bytes())}


def main():
    folder = Path(sys.argv[1])
    meta = json.loads((folder / "meta.json").read_text())
    for name in ("model.safetensors", "optimizer.safetensors"):
        meta[name] = forge(folder / name, sys.argv[2:] == ["inside"])
    meta.update(dict.fromkeys(NAMES, COMMAND))
    del meta["check"]
    text = json.dumps(meta, indent=2)[:-2] + ",\n"
    (folder / "meta.json").write_text(f'{text}  "check": "{fnv1a64(text.encode())}"\n}}\n')


if __name__ == "__main__":
    main()
