/* fuzz_config.c - arbitrary bytes as a config file: refused with a message, or a config that survives
 * the round trip. */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/config_round_trip.h"

static void fuzz_one(const uint8_t *data, size_t size) {
    Config config;
    if (config_load(&config, fuzz_file(data, size), NULL, 0)) {
        config_warn(&config);
        round_trip(&config);
    }
}
