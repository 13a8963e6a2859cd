/* resolved.h - what model.scaling makes of initial standard deviation, learning rate, eps and weight decay.
 *
 * One idea: the equations have factors (scaling.h), a config has numbers; here are their products, for every
 * kind of tensor that the model has, for --describe and run.json. Nothing is printed without scaling.
 * Nothing is owned. Read next: manifest.h. */
#ifndef RUN_LOG_RESOLVED_H
#define RUN_LOG_RESOLVED_H

#include "model/wiring.h"
#include "run/config/config.h"
#include "run/io/json_out.h"

void resolved_print(FILE *out, const Config *config, const Wiring *wiring);
/* The member "scaling" of an object. */
void resolved_print_json(Json *json, const Config *config, const Wiring *wiring);

#endif
