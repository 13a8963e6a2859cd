"""The tests that try to kill a mutant, and their order.

Tests that read no mutated file are not listed (vmath, data, stories).
"""

import re
from dataclasses import dataclass


@dataclass
class Step:
    name: str
    limit: int  # seconds of computing
    build: str  # float or double; shell for a script, which runs ./train of the float build
    arguments: list

    @property
    def program(self):
        folder = {"test": "unit", "grad": "grad", "cli": "cli"}[self.name.partition("_")[0]]
        if self.build == "shell":
            return f"tests/{folder}/{self.name}.sh"
        return f"build/{self.build}/tests/{folder}/{self.name}"

    def __str__(self):
        return " ".join([self.name, self.build, *self.arguments])


def table(text):
    rows = [line.split() for line in text.split("\n") if line]
    return [Step(name, int(limit), build, arguments) for name, limit, build, *arguments in rows]


# Cheapest first: name, limit, build, arguments.
STEPS = table("""
test_wiring 20 float
test_wire 20 float
test_folding 20 float
test_memory 20 float
test_schedule 20 float
test_health 20 float
test_run 20 float
test_base 20 float
test_equations 20 float
test_norm 20 float
test_norm_gradients 20 float
test_batchnorm 20 float
test_batchnorm_net 20 float
test_ops_update 20 float
test_ops_muon 20 float
test_ops_muon 20 double
test_muon 20 float
test_params 20 float
test_norm_gradients 20 double
test_ops_attention 20 float
test_attention 20 float
test_generate 30 float
test_frozen 20 float
test_branch_warmup 30 float
test_removal 20 float
test_generate 30 double
test_folding 20 double
test_config 20 float
test_config_files 20 float
test_config_errors 20 float
test_ops_head 30 float
test_ops_threads 30 float
test_ops 30 float
test_ops_linear 30 float
test_ops_moments 20 float
test_trainer 40 float
test_checkpoint 40 float
grad_options 20 double second
test_oracle 60 float
test_sizes 60 float
test_layers 60 float
test_model 40 float
test_placement 40 float
test_spike 40 float
grad_model 60 double layernorm
grad_options 60 double mixes
cli_train 90 shell
cli_dry_run 90 shell
cli_health 90 shell
cli_eval 60 shell
cli_replay 90 shell
cli_removal 90 shell
cli_terminal 60 shell
""")

# Minutes of gradients in double, which --short leaves out.
LONG_STEPS = table("""
grad_removal 240 double
grad_model 240 double
grad_options 600 double
""")

# The tests that check a folder most closely come first for its files.
CLOSEST = [
    ("model/folding", "test_folding"),
    ("norm/", "test_norm"),
    ("ops/", "test_ops"),
    ("model/", r"test_(wiring|memory|params|model)$"),
    ("", r"test_(schedule|health|run|spike|muon)$"),
]


def steps_for(file, short):
    pattern = next(pattern for folder, pattern in CLOSEST if file.startswith(folder))
    first = [step for step in STEPS if re.match(pattern, step.name)]
    return first + [step for step in STEPS + LONG_STEPS * (not short) if step not in first]
