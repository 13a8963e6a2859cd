/* export.h - --export: the model of a run as a folder that the library `transformers` loads.
 *
 * One idea: the folder has the weights as they are and says everything else in config.json, so that
 * another program computes the same logits. A line at the end lets it prove that.
 *
 *     config.json, generation_config.json       sizes, equations, tensors
 *     model.safetensors                         float32, under this program's names
 *     modeling_peri.py                          the class that evaluates them
 *     tokenizer.json, tokenizer_config.json     if tokens have text
 *
 * Nothing is kept. Read next: run/models/peri_class.h, docs/exporting.md. */
#ifndef RUN_COMMANDS_EXPORT_H
#define RUN_COMMANDS_EXPORT_H

#include "run/commands/cli.h"

/* --export RUN DIR. A DIR that exists and is not an empty folder ends the program (EXIT_USAGE), as a
 * run that has removed norms does. */
void export_write(const Cli *cli);

#endif
