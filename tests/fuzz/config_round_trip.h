/* config_round_trip.h - the property of every accepted config: its text reads back as the same
 * config. */
#ifndef TESTS_FUZZ_CONFIG_ROUND_TRIP_H
#define TESTS_FUZZ_CONFIG_ROUND_TRIP_H

#include "run/config/config.h"

/* Aborts if the text of the config is refused or reads back as another config. Frees the config. */
static inline void round_trip(Config *config) {
    Config again;
    char *json = config_json(config, CONFIG_FULL);
    if (!config_parse(&again, json, "its own text") ||
        config_difference(config, &again, DIFFERENCE_ANY))
        abort();
    config_free(&again);
    config_free(config);
    mem_free(json);
}

#endif
