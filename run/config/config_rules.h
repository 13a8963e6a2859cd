/* config_rules.h - what must hold between the keys of a config, and what deserves a warning.
 *
 * One idea: one table of rules; each writes the sentence that is printed where it is broken.
 * Nothing here owns memory. Read next: config_rules.c. */
#ifndef RUN_CONFIG_CONFIG_RULES_H
#define RUN_CONFIG_CONFIG_RULES_H

#include "run/config/config.h"
#include "run/config/report.h"

/* Reports broken rules at the keys that broke them. Every value must be sound by itself. Warnings
 * are printed by config_warn, see config.h. */
void rules_check(const Config *config, Report *report);

#endif
