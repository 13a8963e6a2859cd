#!/usr/bin/env python3
"""compare_tokens.py TEXT [MEGABYTES [KIND...]] - ./train --encode with the `tokenizers` library, token by token.

For each KIND of tests/oracle/tokenizers/KIND.json, or all: the first MEGABYTES (default 10) of TEXT, 100,000 random
strings, and every assigned code point between letters. Strings are joined by <|endoftext|>, which cuts a text, so that
one run of the program encodes all of them; the reference encodes them one by one. Prints one line for each comparison,
with the seconds of processor time of the program and of the library. Needs tokenizers 0.23.3, and ./train.
"""

import array
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time
import unicodedata

from tokenizers import Tokenizer

FOLDER = pathlib.Path(__file__).parent / "tokenizers"
END = "<|endoftext|>"
POOLS = [
    (0x20, 0x7E),
    (0x09, 0x0D),
    (0xA0, 0x24F),
    (0x300, 0x36F),
    (0x370, 0x6FF),
    (0x900, 0xE7F),
    (0x1100, 0x11FF),
    (0x1E00, 0x20CF),
    (0x2000, 0x2BFF),
    (0x3000, 0x9FFF),
    (0xAC00, 0xD7A3),
    (0xF900, 0xFFEF),
    (0x10000, 0x1FFFF),
]


def encoded_here(kind, text):
    """The tokens, and the seconds of processor time of the whole program."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = pathlib.Path(folder, "text"), pathlib.Path(folder, "out.bin")
        source.write_bytes(text.encode())
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        command = ["./train", "--encode", source, out, "--tokenizer", FOLDER / f"{kind}.json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        return array.array("H", out.read_bytes()[1024:]).tolist(), seconds


def compare(kind, what, texts):
    reference = Tokenizer.from_file(str(FOLDER / f"{kind}.json"))
    spec = (FOLDER / f"{kind}.json").read_text()
    single = len([t for t in reference.get_vocab() if len(t) == 1])
    if "ByteLevel" in spec and single < 256:  # the reference drops bytes without a token, which are an error here
        lacks = {chr(byte) for byte in range(9)}
        texts = ["".join(c for c in text if c not in lacks) for text in texts]
    count = len(texts)
    form = next((form for form in ("NFKC", "NFC") if f'"{form}"' in spec), None)
    if form:  # the reference has the tables of an older Unicode
        texts = [t for t in texts if reference.normalizer.normalize_str(t) == unicodedata.normalize(form, t)]
    skipped = f"  ({count - len(texts)} texts skipped)" if count > len(texts) else ""
    if '"first"' in spec:  # only the start of a text has a mark of its own
        texts = [END.join(texts)]
    start, want = time.process_time(), []
    for i, text in enumerate(texts):
        want += ([reference.token_to_id(END)] if i else []) + reference.encode(text, add_special_tokens=False).ids
    there = time.process_time() - start
    got, here = encoded_here(kind, END.join(texts))
    size = len(END.join(texts).encode())
    first = next((i for i, (a, b) in enumerate(zip(got, want, strict=False)) if a != b), min(len(got), len(want)))
    here_and_there = got[first : first + 8], want[first : first + 8]
    same = "same" if got == want else f"DIFFERENT from token {first}: {here_and_there}"
    seconds = f"{here:5.2f} s, {there:5.2f} s"
    print(f"{kind:8} {what:22} {size:9} bytes {len(want):8} tokens  {same}  {seconds}{skipped}", flush=True)
    return got == want


def random_strings(count):
    drawn = random.Random(7)

    def character():
        while True:
            code = drawn.randint(*drawn.choice(POOLS[:2] if drawn.random() < 0.5 else POOLS))
            if unicodedata.category(chr(code)) not in ("Cn", "Cs"):
                return chr(code)

    return ["".join(character() for _ in range(drawn.randint(1, 30))) for _ in range(count)]


def code_points():
    """Each with neighbours that show its class; those that Python's Unicode has, in groups of 8."""
    known = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    words = [f"a{c}b {c}{c} 1{c}2 {c} " for c in known]
    return ["".join(words[i : i + 8]) for i in range(0, len(words), 8)]


def main():
    path, megabytes = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 10
    text = pathlib.Path(path).read_bytes()[: int(megabytes * 1e6)].decode(errors="ignore")
    print(f"Unicode of Python: {unicodedata.unidata_version}")
    sets = {"text": [text], "100,000 random strings": random_strings(100000), "code points": code_points()}
    kinds = [path.stem for path in sorted(FOLDER.glob("*.json")) if "cases" not in path.stem]
    kinds = sys.argv[3:] or kinds
    same = [compare(kind, what, texts) for kind in kinds for what, texts in sets.items()]
    sys.exit(0 if all(same) else 1)


if __name__ == "__main__":
    main()
