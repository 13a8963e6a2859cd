/* tensors.c - see tensors.h. */
#include "run/log/tensors.h"

#include <math.h>

const char TENSORS_HEADER[] = "step,tensor,rms,grad_rms,update_rms\n";

void tensors_write(Csv *csv, size_t step, const Params *params, const double *gradients,
                   const double *changes) {
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        double root = sqrt((double)param->count);
        csv_integer(csv, step);
        csv_text(csv, param->name);
        csv_number(csv, sqrt(sum_of_squares(params->values + param->offset, param->count)) / root);
        if (param_is_trained(param)) {
            csv_number(csv, gradients[i] / root);
            csv_number(csv, changes ? changes[i] / root : 0);
        } else {
            csv_empty(csv);
            csv_empty(csv);
        }
        csv_end_record(csv);
    }
}
