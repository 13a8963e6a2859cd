#!/usr/bin/env python3
"""characters.py - what the `tokenizers` library makes of small texts with vocabularies of characters.

One idea: SentencePiece's BPE and Unigram, in the forms in which models have them, for test_characters. Writes a
tokenizer.json for each, trained on tests/oracle/tokenizers/text.txt, and character_cases.json with texts and their
tokens. To compute them again, in a virtual environment with tokenizers 0.23.3:

    python3 -B tests/oracle/characters.py
"""

import json
import math
import random
from collections import Counter

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokens import DECOMPOSED, END, FOLDER, TEXTS

MARK = "\u2581"
SPECIAL = ["<unk>", "<s>", "</s>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
PREPEND = {"type": "Prepend", "prepend": MARK}
LLAMA = {"type": "Sequence", "normalizers": [PREPEND, REPLACE]}
BLANKS = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
DECODERS = [{"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}]
DECODER = {"type": "Sequence", "decoders": [*DECODERS, {"type": "Fuse"}]}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def metaspace(scheme, split):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split}


# Name: model, normalizer, pre_tokenizer, byte_fallback.
KINDS = {
    "llama2": ("BPE", LLAMA, None, True),
    "mistral": ("BPE", None, metaspace("first", False), True),
    "gemma": ("BPE", REPLACE, BLANKS, True),
    "unigram": ("Unigram", {"type": "NFKC"}, metaspace("always", True), False),
    "unigram_bytes": ("Unigram", LLAMA, None, True),
}
MARKED = [
    "   three blanks, then  two ",
    f"a{MARK}b {MARK} {MARK}{MARK}c",
    f" {END} x{END}y {END}{END}",
    f"<|im_end|> a<|im_end|><|im_end|>{MARK}<|im_end|>",
    "<unk> <s>x</s> <0x0A>",
    "\n\n  \n\t\x01\x02x\x7f",
    "\u732b\u72ac \u732b x\u732b\u72ac\u9ce5 \U0001f44d\U0001f44d",
    "\u0434\u0430 \u00e9\u00e9 \u00a0\u2003 \uff21\u2460\ufb01",
    "e" * 60,
    "the" * 40,
]


def bpe_model(name, words):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=False)
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(words, trainer)
    model = json.loads(tokenizer.to_str())["model"] | {"byte_fallback": True, "fuse_unk": name != "gemma"}
    for token in [*BYTES, MARK * 2, MARK * 4]:
        model["vocab"].setdefault(token, len(model["vocab"]))
    model["merges"] += [[MARK, MARK], [MARK * 2, MARK * 2]]
    if name == "gemma":  # lacks a byte, so that unknown characters are left
        model["vocab"]["<0xE7"] = model["vocab"].pop("<0xE7>")
    return model


def unigram_model(text, words, fallback):
    """The tokens of BPE with scores from how often they occur: UnigramTrainer makes another file each time."""
    marked = text.replace(" ", MARK)
    tokens = [token for token in bpe_model("", words)["vocab"] if token not in SPECIAL + BYTES]
    scores = {token: round(math.log((marked.count(token) + 0.1) / len(marked)), 3) for token in tokens}
    vocab = [[token, 0.0] for token in SPECIAL + (BYTES if fallback else [])] + [list(item) for item in scores.items()]
    return {"type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": fallback}


def train(name):
    kind, normalizer, pre_tokenizer, fallback = KINDS[name]
    text = (FOLDER / "text.txt").read_text()
    frequent = sorted(Counter(text).items(), key=lambda item: (-item[1], item[0]))[:70]
    text = "".join(c for c in text if c in dict(frequent))  # other characters have no token
    words = text.splitlines() if name == "mistral" else text.split(" ")
    model = bpe_model(name, words) if kind == "BPE" else unigram_model(text, words, fallback)
    spec = json.loads(Tokenizer(models.BPE()).to_str())
    spec |= {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "decoder": DECODER, "model": model}
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.add_special_tokens([END])
    tokenizer.add_tokens(["<|im_end|>"])
    (FOLDER / f"{name}.json").write_text(compact(json.loads(tokenizer.to_str())) + "\n")
    return tokenizer


def random_texts(count):
    drawn = random.Random(2)
    pools = [" ", "  \n", "abc eth '", "the and ing", f"aA\u00e9\u4e2d\u732b\U0001f44d{MARK}", "0123 ,.<>unk", END]
    return ["".join(drawn.choice(drawn.choice(pools)) for _ in range(drawn.randint(1, 60))) for _ in range(count)]


def small(vocab, merges=None, unk=None, fuse=False, fallback=False, ignore=False, normalizer=None, split=None):
    """A file that shows one rule: BPE of a list of tokens, or Unigram of pairs of tokens and scores."""
    spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer}
    model = {"type": "Unigram", "unk_id": unk, "vocab": vocab, "byte_fallback": fallback}
    if merges is not None:
        model = {"type": "BPE", "dropout": None, "unk_token": unk, "continuing_subword_prefix": None}
        model |= {"end_of_word_suffix": None, "fuse_unk": fuse, "byte_fallback": fallback, "ignore_merges": ignore}
        model |= {"vocab": {token: i for i, token in enumerate(vocab)}, "merges": merges}
    return spec | {"pre_tokenizer": split, "post_processor": None, "decoder": None, "model": model}


U = ["<unk>", "a", "b", "ab", MARK]
E9 = [*U, "<0xC3>", "<0xA9>", "<0xC3><0xA9>"]
SCORES = [["<unk>", 0.0], ["a", -1.0], ["b", -1.0], ["ab", -2.0], ["ba", -1.5], [MARK, -3.0], ["xyz", -30.0]]
E9_SCORES = [*SCORES, ["<0xC3>", 0.0], ["<0xA9>", 0.0]]
FUSED = ["ab", "axxb", "xx", "x a xx b x"]
SMALL = [
    (small(U, ["a b"], "<unk>", fuse=True), FUSED),
    (small(U, ["a b"], "<unk>", fuse=False), FUSED),
    (small(E9, ["a b", "<0xC3> <0xA9>"], "<unk>", fuse=True, fallback=True), ["a\u00e9b", "x\u00e9a", "xx\u00e9x"]),
    (small(E9, ["a b"], "<unk>", fuse=False, fallback=True), ["x\u00e9a", "xx\u00e9x", "\u00e8\u00e9\u00e8"]),
    (small([*U, f"b{MARK}"], ["a b", f"b {MARK}"], normalizer=REPLACE), ["ab ab b ", "b  b"]),  # a mark inside
    (small([*U, f"{MARK}a"], [["a", "b"], [MARK, "a"]], normalizer=REPLACE), ["ab ab b ", "b  ab"]),
    (small([*U, f"b{MARK}a"], [], ignore=True, split=metaspace("never", False)), ["b a", " b a", "b"]),
    (small([*U, f"{MARK}b"], [], ignore=True, split=metaspace("never", True)), ["b b", "a  b", " b"]),
    (small([*U, f"{MARK}b"], [], ignore=True, split=metaspace("never", False)), [" b b", " b"]),
    (small([["<unk>", 100], ["a", 100], ["xy", 101]], unk=0), ["xy", "axya", "xyxy"]),  # unknown ones together
    (small([["<unk>", 0], ["a", 5], ["b", 15], ["ax", -20], ["bx", -20]], unk=0), ["ax", "bx"]),  # the penalty
    (small(U, [], split=metaspace("always", True)), ["b b", " b", f"{MARK}b"]),
    (small(U, [], normalizer=PREPEND), ["b", f"{MARK}b"]),
    (small(SCORES, unk=0, split=metaspace("always", True)), ["ab", "aba", "abba baab", "xyz", "axy", "xyzxyz a"]),
    (small(SCORES, unk=0, split=metaspace("never", False)), ["a a", "xx xx", "xx<unk>x", "<unk>a"]),
    (small(E9_SCORES, unk=0, fallback=True, split=metaspace("first", True)), ["\u00e9", "a\u00e9\u00e9", "\u00e9x"]),
    (small(SCORES, normalizer={"type": "Sequence", "normalizers": [REPLACE, {"type": "NFKC"}]}), ["a\uff42 a", "ab"]),
]


def ids(tokenizer, texts):
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def main():
    texts = TEXTS + DECOMPOSED + MARKED + random_texts(60)
    cases = {"texts": texts}
    for name in KINDS:
        cases[name] = ids(train(name), texts)
    cases["small"] = [
        {"file": spec, "texts": texts, "ids": ids(Tokenizer.from_str(json.dumps(spec)), texts)} for spec, texts in SMALL
    ]
    lines = ",\n".join(f"{json.dumps(key)}: {compact(value)}" for key, value in cases.items())
    (FOLDER / "character_cases.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
