#!/usr/bin/env python3
"""tokens.py - what the Hugging Face `tokenizers` library makes of small texts, for test_tokenizer.

Writes tests/oracle/tokenizers/: a tokenizer.json for each of four splits, trained on text.txt, and cases.json
with texts and their tokens. The tests read these files, so they need no Python. To compute them again, in a virtual
environment with tokenizers 0.23.3:

    python3 -B tests/oracle/tokens.py
"""

import json
import pathlib
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, trainers
from tokenizers import pre_tokenizers as splits

FOLDER = pathlib.Path(__file__).parent / "tokenizers"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
END = "<|endoftext|>"


def byte_level(use_regex):
    return splits.ByteLevel(add_prefix_space=False, use_regex=use_regex)


def split(pattern):
    return splits.Sequence([splits.Split(Regex(pattern), "isolated"), byte_level(False)])


# Name, splits, normalizer, whether all 256 bytes are tokens, ignore_merges.
KINDS = {
    "gpt2": (byte_level(True), None, True, False),
    "llama3": (split(LLAMA3), None, True, True),
    "qwen2": (split(QWEN2), normalizers.NFC(), True, False),
    "smollm2": (splits.Sequence([splits.Digits(individual_digits=True), byte_level(True)]), None, False, False),
}

TEXTS = [
    "",
    " ",
    "Hello world",
    "  two  blanks and\ttabs \n\n new lines\r\n  end  ",
    "It's they'll I'VE we'd DON'T 'twas O'Reilly's",
    "In 2024 there were 1234567 of 3.14159 and ½ ² Ⅷ ٣٤",
    "naïve café Ångström “quoted” — dash… € £",
    "日本語のテキスト 中文 한국어 ไทย हिन्दी עברית العربية",
    "emoji 👍🏽 👩‍👩‍👧 🇩🇪 end",
    f"one{END}two{END}{END} three",
    "<|im_start|>user\nhi<|im_end|>",
    "code: for (int i = 0; i < n; i++) { x[i] += y->z; }",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "\u00a0\u2003\u3000 odd blanks \u200b",
    "ſ long s, 'ſ K Kelvin",
]
DECOMPOSED = ["e\u0301 a\u030a\u0323 \u1100\u1161\u11a8 \u212b \ufb01 q\u0307\u0323"]
DECOMPOSED += ["\ub5f4\u11a7\u11a8 \uac00\u11a7 \u11a7\u11a8\u0301", "x\u0301\n\u0301y", "\u0344\u0958"]


def train(name):
    pre_tokenizer, normalizer, all_bytes, ignore_merges = KINDS[name]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizer, decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    # SmolLM2's vocabulary lacks 21 bytes; this one lacks all control characters but three.
    alphabet = splits.ByteLevel.alphabet() if all_bytes else [c for c in splits.ByteLevel.alphabet() if c not in LACKS]
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train([str(FOLDER / "text.txt")], trainer)
    tokenizer.add_tokens([AddedToken("<|im_end|>", special=False, normalized=True)])
    tokenizer.add_special_tokens(["<|im_start|>"])
    spec = json.loads(tokenizer.to_str())
    spec["model"]["ignore_merges"] = ignore_merges
    if name == "gpt2":  # as files of 2023 are written
        spec["model"]["merges"] = [" ".join(pair) for pair in spec["model"]["merges"]]
    text = json.dumps(spec, ensure_ascii=False, indent=None if name == "qwen2" else 1)
    (FOLDER / f"{name}.json").write_text(text + "\n")
    return Tokenizer.from_str(text)


BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def small(vocab, merges, splits=(), normalizer=None, added=(), ignore_merges=False):
    """A file that shows one rule; `added` are pairs of a text and whether it is looked for in normalized text."""
    tokens = [
        {"id": len(vocab) + i, "content": text, "normalized": normalized, "special": False}
        | {"single_word": False, "lstrip": False, "rstrip": False}
        for i, (text, normalized) in enumerate(added)
    ]
    sequence = {"type": "Sequence", "pretokenizers": [*splits, BYTE_LEVEL]}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    model |= {"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": ignore_merges}
    model |= {"vocab": {token: i for i, token in enumerate(vocab)}, "merges": merges}
    spec = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": tokens, "normalizer": normalizer}
    return spec | {"pre_tokenizer": sequence, "post_processor": None, "decoder": BYTE_LEVEL, "model": model}


NFC = {"type": "NFC"}
ABC = ["a", "b", "c"]
SMALL = [
    (small([*ABC, "aa"], ["a a"]), ["a", "aa", "aaa", "aaaaa"]),  # the leftmost first
    (small([*ABC, "ab", "bc", "abc"], ["b c", "a b", "a bc", "ab c"]), ["abc", "abab", "abcabc", "bcab"]),
    (small([*ABC, "abc"], []), ["abc", "abca"]),
    (small([*ABC, "abc"], [], ignore_merges=True), ["abc", "abca"]),
    (small([*ABC, "aa", "bc", "abc"], ["a a", "b c", "a bc"]), ["aaabc", "aabc"]),
    (small(ABC, [], added=[("ab", False), ("abc", False)]), ["abca", "ababc"]),  # the longest, before all else
    (small(ABC, [], added=[("ab", False), ("cc", True), ("bca", True)]), ["abca", "bccab", "bcab"]),
    (small([*ABC, "Ã", "©"], [], normalizer=NFC, added=[("é", False)]), ["aéb", "ae\u0301b"]),
    (small([*ABC, "Ã", "©"], [], normalizer=NFC, added=[("é", True)]), ["aéb", "ae\u0301b"]),
    (small([*ABC, "Ã", "©"], [], normalizer=NFC, added=[("e\u0301", True)]), ["aéb", "ae\u0301b"]),
    (small(["1", "2", "12"], ["1 2"], [{"type": "Digits", "individual_digits": True}]), ["1212", "12"]),
    (small(["1", "2", "12"], ["1 2"], [{"type": "Digits", "individual_digits": False}]), ["1212", "12"]),
]

# The characters of the bytes 0 to 8, which are U+0100 to U+0108.
LACKS = {chr(0x100 + byte) for byte in range(9)}


def random_texts(count):
    drawn = random.Random(1)
    pools = ["abc eth '", "0123456789 ,.\n", "aA\u00e9\u0301\u4e2d\u0937 \u2028\r\n\t", "Zz'sSdDrReE ", END]
    return ["".join(drawn.choice(drawn.choice(pools)) for _ in range(drawn.randint(1, 40))) for _ in range(count)]


def main():
    texts = TEXTS + DECOMPOSED + random_texts(40)
    cases = {"texts": texts}
    for name in KINDS:
        tokenizer = train(name)
        cases[name] = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    cases["small"] = [
        {"file": spec, "texts": texts, "ids": [Tokenizer.from_str(json.dumps(spec)).encode(t).ids for t in texts]}
        for spec, texts in SMALL
    ]
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in cases.items())
    (FOLDER / "cases.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
