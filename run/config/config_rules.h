/* config_rules.h - the rules between the keys of a config: errors and warnings.
 *
 * One idea: one table of rules. A broken rule gives one sentence, and the keys it is about.
 * Nothing here owns memory. Read next: config_rules.c. */
#ifndef RUN_CONFIG_CONFIG_RULES_H
#define RUN_CONFIG_CONFIG_RULES_H

#include "run/config/config.h"
#include "run/config/report.h"

/* Reports broken rules, each at the key that broke it. Every value must be valid by itself.
 * Warnings are printed by config_warn, see config.h. */
void rules_check(const Config *config, Report *report);

#endif
