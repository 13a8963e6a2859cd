/* synonyms.h - what papers and other trainers call our keys and their values.
 *
 * One idea: only names that name_meant (base/words.h) cannot derive from ours are in these tables:
 * case, '-', '_' and a last "norm" do not count. The config stores our name, so runs stay equal. All
 * data is constant. The synonyms of topologies are in model/topologies.c.
 * Read next: config_keys.c, where the keys refer to the tables. */
#ifndef RUN_CONFIG_SYNONYMS_H
#define RUN_CONFIG_SYNONYMS_H

#include "base/words.h"

/* Ended by {0}. */
extern const Synonym norm_synonyms[], mlp_synonyms[], position_synonyms[], precision_synonyms[],
    stream_precision_synonyms[], schedule_synonyms[];
/* Of the paths of keys, by their last words. */
extern const Synonym key_synonyms[];

#endif
