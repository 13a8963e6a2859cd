#!/usr/bin/env bash
# fuzz_tokenizer.sh FOLDER - seed inputs of fuzz_tokenizer: small files with each kind of split and of model, and texts for them.
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

# Vocabularies of characters.
mark='\xE2\x96\x81'
bpe='"model":{"type":"BPE","unk_token":"?","fuse_unk":true,"byte_fallback":true,"vocab":{"?":0,"a":1,"'$mark'":2,"'$mark'a":3,"<0xC3>":4,"<0xA9>":5,"b":8},"merges":[["'$mark'","a"]]}'
unigram='"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["?",0],["a",-1],["'$mark'",-2.5],["'$mark'a",-3],["ab",-4],["<0x31>",0]]}'
replace='{"type":"Replace","pattern":{"String":" "},"content":"'$mark'"}'
prepend='{"type":"Prepend","prepend":"'$mark'"}'
for model in "$bpe" "$unigram"; do
    type=${model:17:3}
    printf '{'"$added"',"normalizer":{"type":"Sequence","normalizers":['"$prepend,$replace"',{"type":"NFKC"}]},%b}%s' \
        "$model" "$text" >"$1/$type-replace"
    for scheme in always first never; do
        printf '{'"$added"',"pre_tokenizer":{"type":"Metaspace","replacement":"'$mark'","prepend_scheme":"%s","split":true},%b}%s' \
            "$scheme" "$model" "$text" >"$1/$type-$scheme"
    done
done
