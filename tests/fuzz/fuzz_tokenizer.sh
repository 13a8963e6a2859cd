#!/usr/bin/env bash
# fuzz_tokenizer.sh FOLDER - seed inputs of fuzz_tokenizer: small files with each kind of split, and texts for them.
set -euo pipefail
model='"model":{"type":"BPE","ignore_merges":true,"vocab":{"a":0,"b":1,"ab":2,"Ġ":3,"1":4,"Ġa":5},"merges":["a b",["Ġ","a"]]}'
level='{"type":"ByteLevel","add_prefix_space":false,"use_regex":'
added='"added_tokens":[{"id":6,"content":"<x>","normalized":false},{"id":7,"content":"a1"}]'
split='{"type":"Split","pattern":{"Regex":"[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|(?i:\u0027s)|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false}'
text=$'\xFFab a1 11<x>a  b\xC3\xA9'
printf '{%s,"pre_tokenizer":%strue},%s}%s' "$added" "$level" "$model" "$text" >"$1/level"
printf '{"normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Sequence","pretokenizers":[%s,%sfalse}]},%s}%s' \
    "$split" "$level" "$model" "$text" >"$1/split"
printf '{"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},%strue}]},%s}%s' \
    "$level" "$model" "$text" >"$1/digits"
