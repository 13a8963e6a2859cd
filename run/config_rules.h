/* config_rules.h - what must hold between the keys of a config, and what deserves a warning.
 *
 * One idea: one table of rules; each writes the sentence that is printed where it is broken.
 * Nothing here owns memory. Floor 4. Read next: config_rules.c. */
#ifndef RUN_CONFIG_RULES_H
#define RUN_CONFIG_RULES_H

#include "run/config.h"
#include "run/report.h"

/* Reports broken rules at the keys that broke them. Every value must be sound by itself. Warnings
 * are printed by config_warn, see config.h. */
void rules_check(const Config *config, Report *report);

#endif
