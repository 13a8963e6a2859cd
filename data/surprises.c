/* surprises.c - see surprises.h. */
#include "data/surprises.h"

#include "data/find.h"
#include "base/stb_ds.h"

#include <inttypes.h>

static const double UNREAD = 0.1; /* fraction of tokens that may be left over without a warning */

/* --- tokens that are never read --- */

static void print_short_files(const Surprises *s, size_t short_files, uint64_t unread) {
    const Split *split = s->split;
    fprintf(s->out,
            "train: warning: %s = \"%s\": %zu of %zu files hold fewer than %s + 1 = %zu tokens and "
            "are never read (%" PRIu64 " of %" PRIu64 " tokens); join short texts into one file, "
            "or reduce model.context\n",
            s->key, split->name, short_files, arrlenu(split->pieces), s->needs,
            s->windows->length + 1, unread, split->tokens);
}

static void print_unread(const Surprises *s) {
    const Split *split = s->split;
    uint64_t unread = 0, short_tokens = 0;
    size_t short_files = 0;
    for (size_t i = 0; i < arrlenu(split->pieces); i++) {
        const Piece *piece = &split->pieces[i];
        uint64_t windows = piece_windows(piece, s->windows);
        uint64_t last = windows ? (windows - 1) * s->windows->stride + s->windows->length + 1 : 0;
        unread += piece->count - last;
        /* What the border of the split cuts off a long file is no surprise. */
        if (piece->file->count > s->windows->length) continue;
        short_files++;
        short_tokens += piece->count;
    }
    if (short_files) {
        print_short_files(s, short_files, short_tokens);
    } else if (s->leaves_rest && (double)unread > UNREAD * (double)split->tokens) {
        fprintf(s->out,
                "train: warning: %s = \"%s\": %" PRIu64 " of %" PRIu64 " tokens are never read, "
                "because data.order = sequential reads each file in batches of %s = %zu tokens and "
                "leaves out the rest; data.order = random reads all\n",
                s->key, split->name, unread, split->tokens, s->needs, s->windows->length);
    }
}

/* A folder of folders, or one more compressed file, would be missed without a word. */
static void print_skipped(const Surprises *s) {
    char *first;
    size_t skipped = find_skipped(s->split->name, s->format, &first);
    if (!skipped) return;
    fprintf(
        s->out,
        "train: note: %s = \"%s\": %zu of %zu entries of this folder are not read, because they "
        "are folders or have another suffix (first: %s)\n",
        s->key, s->split->name, skipped, skipped + arrlenu(s->files), first);
    mem_free(first);
}

/* --- what the bytes look like --- */

typedef size_t Count(const TokenFile *file); /* 0 = no surprise */

static size_t count_foreign(const TokenFile *file) {
    return file->foreign != NULL;
}

static size_t count_bom(const TokenFile *file) {
    return file->bom && file->kind->width == 1;
}

static size_t count_nuls(const TokenFile *file) {
    return file->foreign ? 0 : file->survey.nuls;
}

static size_t count_returns(const TokenFile *file) {
    return file->foreign || file->survey.nuls ? 0 : file->survey.returns;
}

/* The number of files with a surprise, and the first of them. */
static size_t find_surprise(const TokenFile *files, Count *count, const TokenFile **first) {
    size_t found = 0;
    for (size_t i = arrlenu(files); i-- > 0;) {
        if (!count(&files[i])) continue;
        *first = &files[i];
        found++;
    }
    return found;
}

/* "train: note: data.train: input.txt, and 3 more of 12 files, " */
static void print_subject(const Surprises *s, const char *level, const char *name, size_t found) {
    fprintf(s->out, "train: %s: %s: %s", level, s->key, name);
    if (found > 1) fprintf(s->out, ", and %zu more of %zu files,", found - 1, arrlenu(s->files));
    fputc(' ', s->out);
}

static void print_contents(const Surprises *s) {
    const TokenFile *first = NULL;
    size_t found = find_surprise(s->files, count_foreign, &first);
    if (found) {
        print_subject(s, "warning", first->name, found);
        fprintf(s->out, "begins like %s; to convert it: %s '%s' %s\n", first->foreign->name,
                first->foreign->command, first->name, first->foreign->output);
    }
    if ((found = find_surprise(s->files, count_bom, &first)) > 0) {
        print_subject(s, "note", first->name, found);
        fprintf(s->out,
                "begins with a UTF-8 byte order mark, whose three bytes are tokens; to remove it: "
                "tail -c +4 '%s' >NEW_FILE\n",
                first->name);
    }
    if ((found = find_surprise(s->files, count_nuls, &first)) > 0) {
        print_subject(s, "warning", first->name, found);
        fprintf(s->out,
                "has %zu NUL bytes in %zu: is it text? From UTF-16, convert it with: iconv -f "
                "UTF-16 -t UTF-8 '%s' >NEW_FILE\n",
                first->survey.nuls, first->size, first->name);
    }
    if ((found = find_surprise(s->files, count_returns, &first)) > 0) {
        print_subject(s, "note", first->name, found);
        fprintf(s->out,
                "has %zu carriage returns (line ends CRLF, as on Windows), and each is a token; to "
                "remove them: tr -d '\\r' <'%s' >NEW_FILE\n",
                first->survey.returns, first->name);
    }
}

void surprises_print(const Surprises *s) {
    if (!s->files) return;
    print_skipped(s);
    if (s->windows->count) print_unread(s);
    print_contents(s);
}

/* --- training on validation files --- */

/* Without padding, because stb_ds compares keys as bytes. */
typedef struct {
    uint64_t device, inode;
} FileId;
typedef struct {
    FileId key;
    bool value;
} FileSet;

static FileId file_id(const TokenFile *file) {
    return (FileId){file->device, file->inode};
}

void surprises_print_shared(const Surprises *train, const Surprises *val) {
    FileSet *trained = NULL;
    const TokenFile *first = NULL;
    size_t shared = 0;
    for (size_t i = 0; i < arrlenu(train->files); i++) {
        FileId id = file_id(&train->files[i]);
        hmput(trained, id, true);
    }
    for (size_t i = 0; i < arrlenu(val->files); i++) {
        FileId id = file_id(&val->files[i]);
        if (hmgeti(trained, id) < 0) continue;
        if (!shared++) first = &val->files[i];
    }
    hmfree(trained);
    if (!shared) return;
    fprintf(val->out,
            "train: warning: data.val = \"%s\": %zu of %zu files are among those of data.train, "
            "too, so the validation loss is that of text trained on (first: %s); name the training "
            "files with a pattern that leaves them out\n",
            val->split->name, shared, arrlenu(val->files), first->name);
}
