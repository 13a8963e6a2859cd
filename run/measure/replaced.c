/* replaced.c - see replaced.h. */
#include "run/measure/replaced.h"

#include "base/stb_ds.h"

#include <math.h>
#include <stdio.h>

/* --- which norms --- */

/* The norms that are replaced together. */
typedef struct {
    ReplacedSet set;
    size_t site; /* of REPLACED_ONE */
    int place;   /* of REPLACED_PLACE */
} Choice;

static bool is_chosen(const Choice *choice, const Model *model, const bool *frozen, size_t i) {
    if (frozen[i]) return false;
    if (choice->set == REPLACED_ONE) return i == choice->site;
    return choice->set == REPLACED_ALL || model->site[i].place == choice->place;
}

static size_t count_chosen(const Choice *choice, const Model *model, const bool *frozen) {
    size_t count = 0;
    for (size_t i = 0; i < model->n_sites; i++) count += is_chosen(choice, model, frozen, i);
    return count;
}

/* The norms that norm_removal has frozen (n_sites), for mem_free. */
static bool *frozen_sites(const Model *model) {
    bool *frozen = mem_alloc(model->n_sites + 1);
    for (size_t i = 0; i < model->n_sites; i++) frozen[i] = norm_site_is_frozen(&model->site[i]);
    return frozen;
}

/* All sets that have norms: every norm, then the places, then all (stb_ds array). */
static Choice *list_choices(const Model *model, const bool *frozen) {
    Choice *list = NULL;
    Choice choice = {.set = REPLACED_ONE};
    for (; choice.site < model->n_sites; choice.site++) {
        if (!frozen[choice.site]) arrput(list, choice);
    }
    for (choice.set = REPLACED_PLACE; choice.place < NORM_PLACES; choice.place++) {
        if (count_chosen(&choice, model, frozen)) arrput(list, choice);
    }
    choice.set = REPLACED_ALL;
    if (arrlenu(list)) arrput(list, choice);
    return list;
}

size_t replaced_evaluations(const Model *model, bool constants) {
    bool *frozen = frozen_sites(model);
    Choice *choices = list_choices(model, frozen);
    const size_t count = arrlenu(choices);
    arrfree(choices);
    mem_free(frozen);
    return constants ? 2 * count : count;
}

/* --- the loss --- */

/* The first sequence whose loss is not finite is run again to find the place, and ends the rest. */
static Outcome evaluate(const StoredModel *stored, const Sequences *sequences) {
    Model *model = stored->model;
    Outcome outcome = {.measured = true};
    for (size_t n = 0; n < sequences->S && isfinite(outcome.loss); n++) {
        const Pass pass = sequences_pass(stored, sequences, n, 1);
        model_forward(model, &pass);
        outcome.loss += model_loss(model, &pass) / (double)(sequences->S * sequences->T);
        if (isfinite(outcome.loss)) continue;
        outcome.first = nonfinite_forward(model, &pass);
        if (!*outcome.first.name) outcome.first = nonfinite_logits(model->shape.L);
    }
    return outcome;
}

static Outcome evaluate_with(const StoredModel *stored, const Sequences *sequences,
                             const Choice *choice, const bool *frozen, NormsMode mode,
                             const ScaleSums *sums, Work *work) {
    Model *model = stored->model;
    for (size_t i = 0; i < model->n_sites; i++) {
        if (is_chosen(choice, model, frozen, i))
            calibrate_norm(&model->site[i], mode, sums ? &sums[i] : NULL, sequences->T);
    }
    const Outcome outcome = evaluate(stored, sequences);
    work_add(work, sequences->S);
    for (size_t i = 0; i < model->n_sites; i++) {
        if (is_chosen(choice, model, frozen, i)) norm_site_thaw(&model->site[i]);
    }
    return outcome;
}

static Replaced describe(const Choice *choice, const Model *model, const bool *frozen) {
    Replaced replaced = {.set = choice->set, .norms = count_chosen(choice, model, frozen)};
    const char *name = choice->set == REPLACED_ONE     ? model->site[choice->site].name
                       : choice->set == REPLACED_PLACE ? norm_place_name(choice->place)
                                                       : "all";
    snprintf(replaced.name, sizeof replaced.name, "%s", name);
    return replaced;
}

Replaced *replaced_measure(const StoredModel *stored, const Sequences *sequences,
                           const ScaleSums *sums, Work *work) {
    const Model *model = stored->model;
    bool *frozen = frozen_sites(model);
    Choice *choices = list_choices(model, frozen);
    Replaced *list = NULL;
    for (size_t i = 0; i < arrlenu(choices); i++) {
        Replaced replaced = describe(&choices[i], model, frozen);
        if (sums)
            replaced.constants = evaluate_with(stored, sequences, &choices[i], frozen,
                                               NORMS_FROZEN_FIRST, sums, work);
        replaced.nothing =
            evaluate_with(stored, sequences, &choices[i], frozen, NORMS_IDENTITY, NULL, work);
        arrput(list, replaced);
    }
    arrfree(choices);
    mem_free(frozen);
    return list;
}
