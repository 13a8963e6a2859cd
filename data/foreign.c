/* foreign.c - see foreign.h. */
#include "data/foreign.h"

#include <string.h>

#define TO_FILE ">NEW_FILE"

/* The bytes at `offset` identify the kind. Of two rows that match, the first one counts: the byte
 * order mark of UTF-32 begins with that of UTF-16. */
static const struct {
    Foreign foreign;
    const char *magic;
    size_t length, offset;
    bool text; /* an encoding of text */
} KINDS[] = {
    {{"gzip-compressed data", "gzip -dc", TO_FILE}, "\x1F\x8B\x08", 3, 0, false},
    {{"zstd-compressed data", "zstd -dc", TO_FILE}, "\x28\xB5\x2F\xFD", 4, 0, false},
    {{"xz-compressed data", "xz -dc", TO_FILE},
     "\xFD"
     "7zXZ\0",
     6,
     0,
     false},
    {{"bzip2-compressed data", "bzip2 -dc", TO_FILE}, "1AY&SY", 6, 4, false},
    {{"lz4-compressed data", "lz4 -dc", TO_FILE}, "\x04\x22\x4D\x18", 4, 0, false},
    {{"a zip archive", "unzip -p", TO_FILE}, "PK\x03\x04", 4, 0, false},
    {{"a tar archive", "tar -xOf", TO_FILE}, "ustar", 5, 257, false},
    {{"a Parquet table",
      "python3 -c 'import sys, pandas; print(*pandas.read_parquet(sys.argv[1])[\"text\"], "
      "sep=\"\\n\")'",
      TO_FILE},
     "PAR1\x15",
     5,
     0,
     false},
    {{"a NumPy array",
      "python3 -c 'import sys, numpy; "
      "numpy.load(sys.argv[1]).astype(\"uint16\").tofile(sys.argv[2])'",
      "NEW_FILE.bin"},
     "\x93NUMPY",
     6,
     0,
     false},
    {{"a PDF document", "pdftotext", "NEW_FILE"}, "%PDF-", 5, 0, false},
    {{"UTF-32 text", "iconv -f UTF-32 -t UTF-8", TO_FILE}, "\xFF\xFE\0\0", 4, 0, true},
    {{"UTF-32 text", "iconv -f UTF-32 -t UTF-8", TO_FILE}, "\0\0\xFE\xFF", 4, 0, true},
    {{"UTF-16 text", "iconv -f UTF-16 -t UTF-8", TO_FILE}, "\xFF\xFE", 2, 0, true},
    {{"UTF-16 text", "iconv -f UTF-16 -t UTF-8", TO_FILE}, "\xFE\xFF", 2, 0, true},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

/* UTF-16 without a byte order mark: every other byte of most alphabets' punctuation, blanks and
 * Latin letters is NUL, on one side only. */
static const Foreign *bare_utf16(const unsigned char *head, size_t size) {
    static const Foreign order[] = {
        {"UTF-16 text", "iconv -f UTF-16BE -t UTF-8", TO_FILE},
        {"UTF-16 text", "iconv -f UTF-16LE -t UTF-8", TO_FILE},
    };
    enum { PAIRS_MIN = 8 };
    size_t pairs = size / 2, nuls[2] = {0};
    for (size_t i = 0; i < 2 * pairs; i++) nuls[i % 2] += head[i] == 0;
    if (pairs < PAIRS_MIN) return NULL;
    for (int side = 0; side < 2; side++) {
        if (nuls[!side] == 0 && nuls[side] > pairs / 2) return &order[side];
    }
    return NULL;
}

const Foreign *foreign_find(const unsigned char *head, size_t size, bool text) {
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (KINDS[i].text && !text) continue;
        if (size < KINDS[i].offset + KINDS[i].length) continue;
        if (memcmp(head + KINDS[i].offset, KINDS[i].magic, KINDS[i].length) == 0) {
            return &KINDS[i].foreign;
        }
    }
    return text ? bare_utf16(head, size) : NULL;
}
