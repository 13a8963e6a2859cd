#!/usr/bin/env bash
# fuzz_data.sh FOLDER - the first inputs of fuzz_data: a text, raw tokens, files with a header of llm.c.
set -euo pipefail
text=$(head -c 400 README.md)
printf '\x00\x20\x00\x07\x01%s' "$text" >"$1/text"
printf '\x0a\x40\x00\x03\x02%s' "$text" >"$1/chars"
printf '\x27\x40\xff\x03\x02%s' "$text" >"$1/raw"
# Magic, version and number of tokens; 256 numbers in all; then the tokens.
{ printf '\x05\x40\xff\x03\x01\x88\xd8\x34\x01\x01\0\0\0\x20\0\0\0' && head -c 1012 /dev/zero && head -c 64 /dev/zero; } >"$1/gpt2"
{ printf '\x15\x40\xff\x03\x01\xa1\xd9\x34\x01\x07\0\0\0\x20\0\0\0' && head -c 1012 /dev/zero && head -c 128 /dev/zero; } >"$1/llama"
