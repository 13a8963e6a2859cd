/* stock_weights.h - the weights of a model as the tensors of a class of `transformers`.
 *
 * One idea: the same row of the table that reads a class writes it, place by place, with the inverse layouts. What the
 * class has no coefficient for is multiplied into the tensors here.
 * The caller owns the list and its arrays (stock_weights_free). Read next: stock_weights.c. */
#ifndef RUN_MODELS_STOCK_WEIGHTS_H
#define RUN_MODELS_STOCK_WEIGHTS_H

#include "run/io/safetensors.h"
#include "run/models/stock_class.h"

/* The tensors of model.safetensors (stb_ds array). */
Tensor *stock_weights(const StockClass *stock);
void stock_weights_free(Tensor *tensors);

#endif
