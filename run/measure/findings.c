/* findings.c - see findings.h. */
#include "run/measure/findings.h"

#include "base/stb_ds.h"
#include "base/text_out.h"
#include "base/utf8.h"
#include "model/equations.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double FLOAT16_MAX = 65504;

const char *findings_in_block(const char *name, size_t *block) {
    int length = 0;
    if (sscanf(name, "blocks.%10zu.%n", block, &length) == 1 && length) return name + length;
    return NULL;
}

/* --- the model and its loss --- */

static void write_model(Page *page, const Measurement *m, const StoredModel *stored) {
    const ModelOptions *o = &stored->config.model;
    char *equations =
        equations_text(o, &stored->config.gamma_warmup, &stored->config.branch_warmup);
    page_words(
        page, "Topology %s with %s: %zu blocks, width %zu, %zu parameters. Checkpoint of step %zu.",
        *o->layers ? o->layers : topology_name(o->topology), norm_name(o->norm),
        stored->model->shape.L, stored->model->shape.C, m->parameters, m->step);
    page_code(page, equations);
    mem_free(equations);
}

static void write_loss(Page *page, const Measurement *m, const char *source) {
    page_words(page, "Measured on %zu sequence%s of %zu tokens: %s.", m->S, m->S == 1 ? "" : "s",
               m->T, source);
    page_table(page, "Loss", "measure|>value");
    page_cell(page, "nats per token");
    page_cell(page, "%.6f", m->loss);
    if (isnan(m->val_bpb)) return;
    page_cell(page, "bits per byte");
    page_cell(page, "%.6f", m->val_bpb);
    page_cell(page, "bytes per token");
    page_cell(page, "%.4f", m->bytes_per_token);
}

/* --- the stream and the branches --- */

typedef enum { OF_STREAM, OF_BRANCH } Which;

static const SiteValues *site_of(const Point *point, Which which) {
    return which == OF_STREAM ? &point->stream : &point->branch;
}

static void write_moments(Page *page, const Moments *moments) {
    const double values[] = {moments->variance, moments->rms, moments->absmax, moments->kurtosis};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        page_number(page, moments->tokens ? values[i] : NAN);
}

static void table_of_sites(Page *page, const Activations *a, Which which) {
    page_table(page,
               which == OF_STREAM ? "The stream that each sublayer reads"
                                  : "The output of each sublayer, before a norm in slot out",
               "at|>variance, first|>rms, first|>absmax, first|>kurtosis, first"
               "|>variance, others|>rms, others|>absmax, others|>kurtosis, others");
    for (size_t i = 0; i < a->points; i++) {
        const SiteValues *site = site_of(&a->point[i], which);
        if (!site->measured) continue;
        page_cell(page, "%s", a->point[i].name);
        for (int group = 0; group < TOKEN_GROUPS; group++)
            write_moments(page, &site->moments[group]);
    }
}

/* The points of the stream behind the embedding. */
static void series_of_stream(Page *page, const Activations *a, int group, bool absmax) {
    for (size_t i = probe_embedding() + 1; i < a->points; i++) {
        const Moments *moments = &a->point[i].stream.moments[group];
        page_point(page, a->point[i].depth, absmax ? moments->absmax : moments->rms);
    }
}

static void chart_of_stream(Page *page, const Activations *a) {
    page_chart(page, "The residual stream over depth", "blocks before", true);
    page_series(page, "RMS, first token");
    series_of_stream(page, a, TOKEN_FIRST, false);
    page_series(page, "RMS, other tokens");
    series_of_stream(page, a, TOKEN_REST, false);
    page_series(page, "largest |x|, first token");
    series_of_stream(page, a, TOKEN_FIRST, true);
    page_series(page, "largest |x|, other tokens");
    series_of_stream(page, a, TOKEN_REST, true);
    page_level(page, "largest number of float16, 65,504", FLOAT16_MAX);
}

/* The outputs of attention or of the MLP of each block: RMS of the other tokens, or the largest |x|. */
static void series_of_branches(Page *page, const Activations *a, bool is_mlp, bool largest) {
    for (size_t l = 0; l < a->blocks; l++) {
        const SiteValues *branch = &a->point[probe_sublayer(l, is_mlp)].branch;
        page_point(page, (double)l,
                   largest ? fabs(branch->extreme.value) : branch->moments[TOKEN_REST].rms);
    }
}

static void chart_of_branches(Page *page, const Activations *a) {
    page_chart(page, "The outputs of attention and MLP over depth", "block", true);
    page_series(page, "attention, RMS of all but first tokens");
    series_of_branches(page, a, false, false);
    page_series(page, "MLP, RMS of all but first tokens");
    series_of_branches(page, a, true, false);
    page_series(page, "attention, largest |x| of all tokens");
    series_of_branches(page, a, false, true);
    page_series(page, "MLP, largest |x| of all tokens");
    series_of_branches(page, a, true, true);
    page_level(page, "largest number of float16, 65,504", FLOAT16_MAX);
}

static void write_stream(Page *page, const Measurement *m) {
    page_section(page, "Residual stream");
    page_words(page,
               "Variance and kurtosis are those of the features of a token, averaged over tokens; "
               "RMS and absmax are over all features and tokens. The first token of a sequence is "
               "separate from the others. blocks.0.attn is the input of the first block, and the "
               "output of a block is the input of the next one; final is the input of the head.");
    chart_of_stream(page, &m->activations);
    table_of_sites(page, &m->activations, OF_STREAM);
    chart_of_branches(page, &m->activations);
    table_of_sites(page, &m->activations, OF_BRANCH);
}

/* --- massive activations --- */

/* The text of a token in quotes, for mem_free; its number where tokens have no text. */
static char *quoted_token(const Vocab *vocab, int token) {
    size_t length = 0;
    if (!vocab->size) return text_format("%d", token);
    const char *text = vocab_text(vocab, token, &length);
    TextOut result;
    FILE *out = text_begin(&result);
    putc('"', out);
    for (size_t i = 0; i < length;) {
        const size_t bytes = utf8_length(text + i, length - i);
        const unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            fputs("\\n", out);
        else if (!bytes || c < ' ' || c == 127)
            fprintf(out, "\\x%02x", c);
        else
            fwrite(text + i, 1, bytes, out);
        i += bytes ? bytes : 1;
    }
    putc('"', out);
    return text_end(&result);
}

static void write_extreme(Page *page, const Point *point, const Vocab *vocab) {
    const Extreme *e = &point->stream.extreme;
    char *token = quoted_token(vocab, e->token);
    page_cell(page, "%s", point->name);
    page_number(page, e->value);
    page_cell(page, "%zu", e->sequence);
    page_cell(page, "%zu", e->position);
    page_cell(page, "%s", token);
    page_cell(page, "%zu", e->feature);
    page_number(page, e->median);
    page_number(page, fabs(e->value) / e->median);
    page_cell(page, "%.3g %%", 100 * fabs(e->value) / FLOAT16_MAX);
    mem_free(token);
}

/* The point of the stream with the largest |x|; one that is NaN counts as the largest. */
static const Point *largest_point(const Activations *a) {
    const Point *largest = &a->point[0];
    for (size_t i = 1; i < a->points; i++) {
        const double value = fabs(a->point[i].stream.extreme.value);
        if (isnan(value) || value > fabs(largest->stream.extreme.value)) largest = &a->point[i];
    }
    return largest;
}

static void write_massive(Page *page, const Measurement *m, const Vocab *vocab) {
    const Point *largest = largest_point(&m->activations);
    const Extreme *e = &largest->stream.extreme;
    page_section(page, "Massive activations");
    page_words(page,
               "The largest number of the stream is %.6g, at %s: position %zu of sequence %zu, "
               "feature %zu. That is %.5g times the median |x| there, and %.3g %% of float16's "
               "limit, 65,504.",
               e->value, largest->name, e->position, e->sequence, e->feature,
               fabs(e->value) / e->median, 100 * fabs(e->value) / FLOAT16_MAX);
    page_table(page, "The largest |x| of each point of the stream, of all tokens and features",
               "at|>value|>sequence|>position|token|>feature|>median abs|>ratio|>of float16");
    for (size_t i = 0; i < m->activations.points; i++) {
        if (m->activations.point[i].stream.measured)
            write_extreme(page, &m->activations.point[i], vocab);
    }
    page_words(page,
               "The median |x| is that of all tokens and features of the same sequence. Sequences, "
               "positions and features count from 0.");
}

/* --- attention --- */

static void write_attention(Page *page, const Measurement *m) {
    const Activations *a = &m->activations;
    page_section(page, "Attention");
    page_words(page,
               "Attention on the first token is the probability that a later token gives to the "
               "first one of its sequence, averaged over these tokens, and over heads; the largest "
               "is that of a single head. The logits are the scores in front of the softmax.");
    page_chart(page, "Attention on the first token", "block", false);
    page_series(page, "mean of the heads");
    for (size_t l = 0; l < a->blocks; l++) page_point(page, (double)l, a->attention[l].first);
    page_series(page, "head with the most");
    for (size_t l = 0; l < a->blocks; l++) page_point(page, (double)l, a->attention[l].largest);
    page_table(page, "Attention of each block",
               ">block|>on the first token|>largest of a head|>head|>largest logit, first"
               "|>largest logit, others");
    for (size_t l = 0; l < a->blocks; l++) {
        const AttentionUse *use = &a->attention[l];
        page_cell(page, "%zu", l);
        page_number(page, use->first);
        page_number(page, use->largest);
        page_cell(page, "%zu", use->head);
        for (int group = 0; group < TOKEN_GROUPS; group++) page_number(page, use->logit[group]);
    }
}

/* --- gains --- */

/* One series for each place in a block, up to as many as a chart has. */
static void chart_of_gains(Page *page, const Gains *gains) {
    const char *places[PAGE_SERIES];
    size_t count = 0, block;
    page_chart(page, "RMS of the gains over depth", "block", false);
    for (size_t i = 0; i < arrlenu(gains); i++) {
        const char *place = findings_in_block(gains[i].name, &block);
        bool known = !place || count == PAGE_SERIES;
        for (size_t k = 0; k < count && !known; k++) known = strcmp(places[k], place) == 0;
        if (!known) places[count++] = place;
    }
    for (size_t k = 0; k < count; k++) {
        page_series(page, places[k]);
        for (size_t i = 0; i < arrlenu(gains); i++) {
            const char *place = findings_in_block(gains[i].name, &block);
            if (place && strcmp(place, places[k]) == 0)
                page_point(page, (double)block, gains[i].rms);
        }
    }
}

static void write_gains(Page *page, const Gains *gains) {
    page_section(page, "Gains");
    if (!arrlenu(gains)) {
        page_words(page, "No norm of this model has a gain.");
        return;
    }
    page_words(page, "The factors of the outputs of norms (1 + g for rmsnorm_plus1). Quartiles "
                     "interpolate linearly. An outlier is below Q1 - 3 (Q3 - Q1) or above "
                     "Q3 + 3 (Q3 - Q1).");
    chart_of_gains(page, gains);
    page_table(page, "The gains of each norm",
               "norm|>number|>min|>Q1|>median|>Q3|>max|>rms|>outliers|>feature of the largest");
    for (size_t i = 0; i < arrlenu(gains); i++) {
        const Gains *g = &gains[i];
        page_cell(page, "%s", g->name);
        page_cell(page, "%zu", g->n);
        const double values[] = {g->min, g->q1, g->median, g->q3, g->max, g->rms};
        for (size_t k = 0; k < sizeof values / sizeof *values; k++) page_number(page, values[k]);
        page_cell(page, "%zu", g->outliers);
        page_cell(page, "%zu", g->largest);
    }
}

/* --- folding --- */

static void write_folding(Page *page, const Measurement *m) {
    static const char *const HEADINGS[FOLD_OUTCOMES] = {
        [FOLD_MOVED] = "Gains and shifts that fold into matrices:",
        [FOLD_GONE] = "Norms that another norm makes redundant:",
        [FOLD_STAYS] = "Norms that stay:"};
    page_section(page, "Folding");
    if (m->frozen) {
        page_words(page,
                   "%zu norms were removed in training. The constants that replace them belong "
                   "to the gains as they are, so nothing is folded.",
                   m->frozen);
        return;
    }
    page_words(page, "What --fold does to this model without changing what it computes.");
    for (int outcome = 0; outcome < FOLD_OUTCOMES; outcome++) {
        TextOut text;
        const size_t lines =
            folding_print(text_begin(&text), &m->folding, (FoldOutcome)outcome, "");
        char *notes = text_end(&text);
        if (lines) {
            page_words(page, "%s", HEADINGS[outcome]);
            page_code(page, notes);
        }
        mem_free(notes);
    }
}

Page findings_page(const Measurement *m, const StoredModel *stored, const char *run,
                   const char *source) {
    Page page;
    char *title = text_format("The norms of %s", run);
    page_start(&page, title);
    mem_free(title);
    write_model(&page, m, stored);
    write_loss(&page, m, source);
    write_stream(&page, m);
    write_massive(&page, m, &stored->vocab);
    write_attention(&page, m);
    write_gains(&page, m->gains);
    findings_losses(&page, m);
    write_folding(&page, m);
    return page;
}
