"""common: constants of both sides, and how the program fails."""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# As in run/commands/bench.c, so that both sides are measured in the same way.
WARM_STEPS, SAMPLES_MIN, SIDE = 3, 20, 2048
TRIAL_STEPS = 5  # of a variant, after WARM_STEPS
TRIAL_SECONDS = 20  # a slow variant is tried for fewer steps, at least two
LEG_SECONDS = 5  # the time of PyTorch's steps in a leg without --steps
MB = 2**20  # as in peak_rss_mb
PRECISIONS = ("float32", "bfloat16")  # of train.precision
MODES = ("eager", "compile")
CHECK_STEPS = 3  # updates whose losses are compared


def fail(message):
    sys.exit(f"bench_torch.py: {message}")
