/* config_round_trip.h - what a config that was accepted must stand: its text reads back as itself.
 */
#ifndef TESTS_FUZZ_CONFIG_ROUND_TRIP_H
#define TESTS_FUZZ_CONFIG_ROUND_TRIP_H

#include "run/config/config.h"

/* Frees the config; a text that is refused or reads as another config is a finding. */
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
