/* tensors.c - see tensors.h. */
#include "run/log/tensors.h"

#include <math.h>

const char TENSORS_HEADER[] = "step,tensor,rms,grad_rms,update_rms\n";

/* The root mean square; of a coefficient with the sign of its mean, so that of a scalar its value. */
static double rms(const Params *params, const Param *param) {
    const real *value = params->values + param->offset;
    const double size = sqrt(sum_of_squares(value, param->count) / (double)param->count);
    double total = 0;
    if (param->kind != PARAM_COEFFICIENT) return size;
    for (size_t i = 0; i < param->count; i++) total += (double)value[i];
    return total < 0 ? -size : size;
}

void tensors_write(Csv *csv, size_t step, const Params *params, const double *gradients,
                   const double *changes) {
    for (size_t i = 0; i < params_count(params); i++) {
        const Param *param = &params->list[i];
        double root = sqrt((double)param->count);
        csv_integer(csv, step);
        csv_text(csv, param->name);
        csv_number(csv, rms(params, param));
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
