#!/usr/bin/env bash
# fuzz_data.sh FOLDER - seed inputs of fuzz_data: a text, raw tokens, files with an llm.c header.
set -euo pipefail
text=$(head -c 400 README.md)
printf '\x00\x20\x00\x07\x01%s' "$text" >"$1/text"
printf '\x0a\x40\x00\x03\x02%s' "$text" >"$1/chars"
printf '\x27\x40\xff\x03\x02%s' "$text" >"$1/raw"
# The header is 256 numbers: magic, version, number of tokens, then zeros. The tokens follow.
{ printf '\x05\x40\xff\x03\x01\x88\xd8\x34\x01\x01\0\0\0\x20\0\0\0' && head -c 1012 /dev/zero && head -c 64 /dev/zero; } >"$1/gpt2"
{ printf '\x15\x40\xff\x03\x01\xa1\xd9\x34\x01\x07\0\0\0\x20\0\0\0' && head -c 1012 /dev/zero && head -c 128 /dev/zero; } >"$1/llama"
