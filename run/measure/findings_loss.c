/* findings_loss.c - the section of the page about losses without the statistics of norms. */
#include "run/measure/findings.h"

#include "base/stb_ds.h"

#include <math.h>
#include <string.h>

/* --- sentences --- */

static void write_source(Page *page, const Measurement *m) {
    page_words(
        page,
        "The loss when norms no longer react to the token: a norm divides by a constant, its "
        "mean scale over other sequences, where the first token of a sequence has a constant "
        "of its own (--norms frozen_first); or it divides by nothing, and only gain and shift "
        "remain (--norms identity). All other norms stay as trained.");
    if (!m->constants) {
        page_words(page, "The text has no sequences besides the measured ones, so there are no "
                         "constants.");
        return;
    }
    page_words(page, "The constants come from %zu sequence%s of %s.%s", m->constants,
               m->constants == 1 ? "" : "s",
               m->of_training ? "the training data" : "the text, behind the measured ones",
               m->constants < CONSTANTS_FEW ? " That is few: they are not accurate." : "");
}

/* "all norms (61)", "all attn norms (30)", "the final norm", or the name of a norm. */
static void print_set(char *text, size_t size, const Replaced *r) {
    if (r->set == REPLACED_ALL)
        snprintf(text, size, "all norms (%zu)", r->norms);
    else if (r->set == REPLACED_PLACE && r->norms == 1)
        snprintf(text, size, "the %s norm", r->name);
    else if (r->set == REPLACED_PLACE)
        snprintf(text, size, "all %s norms (%zu)", r->name, r->norms);
    else
        snprintf(text, size, "%s", r->name);
}

static void say_outcome(Page *page, const Replaced *r, const Outcome *outcome, const char *how) {
    char set[96];
    size_t block;
    print_set(set, sizeof set, r);
    if (!outcome->measured || isfinite(outcome->loss)) return;
    const bool inside = findings_in_block(outcome->first.name, &block) != NULL;
    if (inside)
        page_words(page, "With %s %s, the loss is not a number: block %zu overflows first, at %s.",
                   set, how, block, outcome->first.name);
    else
        page_words(page,
                   "With %s %s, the loss is not a number: the first value that is not finite "
                   "is at %s.",
                   set, how, outcome->first.name);
}

/* --- the table --- */

/* The loss and its difference to that of the model as trained. */
static void write_outcome(Page *page, const Outcome *outcome, double loss) {
    size_t block;
    if (!outcome->measured) {
        page_cell(page, "–");
        page_cell(page, "–");
    } else if (isfinite(outcome->loss)) {
        page_cell(page, "%.6f", outcome->loss);
        page_cell(page, "%+.6f", outcome->loss - loss);
    } else {
        page_cell(page, "not finite");
        if (findings_in_block(outcome->first.name, &block))
            page_cell(page, "from block %zu", block);
        else
            page_cell(page, "%s", outcome->first.name);
    }
}

static void table_of_losses(Page *page, const Measurement *m, bool single, const char *title) {
    page_table(page, title, "replaced|>constants: loss|>difference|>nothing: loss|>difference");
    for (size_t i = 0; i < arrlenu(m->replaced); i++) {
        const Replaced *r = &m->replaced[i];
        char set[96];
        if ((r->set == REPLACED_ONE) != single) continue;
        print_set(set, sizeof set, r);
        page_cell(page, "%s", set);
        write_outcome(page, &r->constants, m->loss);
        write_outcome(page, &r->nothing, m->loss);
    }
}

/* --- the chart --- */

static bool is_single(const Replaced *r, const char *sublayer, size_t *block) {
    const char *place = r->set == REPLACED_ONE ? findings_in_block(r->name, block) : NULL;
    return place && strncmp(place, sublayer, strlen(sublayer)) == 0;
}

/* The sum over the norms of a sublayer of what each costs alone. */
static void series_of_losses(Page *page, const Measurement *m, const char *sublayer,
                             const char *name, bool constants) {
    page_series(page, name);
    for (size_t l = 0; l < m->activations.blocks; l++) {
        double cost = 0;
        size_t block, count = 0;
        for (size_t i = 0; i < arrlenu(m->replaced); i++) {
            const Replaced *r = &m->replaced[i];
            const Outcome *outcome = constants ? &r->constants : &r->nothing;
            if (!is_single(r, sublayer, &block) || block != l || !outcome->measured) continue;
            cost += outcome->loss - m->loss;
            count++;
        }
        if (count) page_point(page, (double)l, cost);
    }
}

static void chart_of_losses(Page *page, const Measurement *m) {
    page_chart(page,
               "What each norm costs alone, in nats per token (sums over those of a sublayer)",
               "block", true);
    if (m->constants) {
        series_of_losses(page, m, "attn.", "attention, constants", true);
        series_of_losses(page, m, "mlp.", "MLP, constants", true);
    }
    series_of_losses(page, m, "attn.", "attention, nothing", false);
    series_of_losses(page, m, "mlp.", "MLP, nothing", false);
}

void findings_losses(Page *page, const Measurement *m) {
    page_section(page, "Loss without the statistics of norms");
    if (m->frozen)
        page_words(page, "%zu norms were removed in training and are not part of this.", m->frozen);
    if (!arrlenu(m->replaced)) {
        page_words(page, "No norm of this model divides by a statistic of the token.");
        return;
    }
    write_source(page, m);
    table_of_losses(page, m, false, "Several norms at once");
    for (size_t i = 0; i < arrlenu(m->replaced); i++) {
        const Replaced *r = &m->replaced[i];
        if (r->set == REPLACED_ONE) continue;
        say_outcome(page, r, &r->constants, "replaced by constants");
        say_outcome(page, r, &r->nothing, "replaced by nothing");
    }
    chart_of_losses(page, m);
    table_of_losses(page, m, true, "One norm alone");
}
