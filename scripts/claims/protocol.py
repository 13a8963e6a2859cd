"""protocol: every constant of docs/claims/protocol.md, and the names of the verdicts."""

import math

HOLDS, FAILS, NO_DIFFERENCE = "holds", "fails", "no difference above the margin"
UNDECIDED, UNTESTABLE = "undecided", "not testable here"
VERDICTS = [HOLDS, FAILS, NO_DIFFERENCE, UNDECIDED, UNTESTABLE]
DEFINITE = [HOLDS, FAILS, NO_DIFFERENCE]

# The smallest difference that matters: nats of a loss, or a factor.
MARGINS = {
    "loss": 0.02,
    "best_rate": 1.1,
    "sensitivity": 1.5,
    "counts": 1.5,
    "variance": 1.5,
    "time": 1.02,
    "fit": 0.05,
}

# Seeds of a look and the error probability that it spends. The sum of the three is 0.05.
LOOKS = [(5, 0.018), (10, 0.013), (20, 0.019)]
EQUIVALENCE = 0.10  # 1 minus the coverage of the interval of two one-sided tests at 5 %
FDR = 0.05
POWER = 0.8

FAILED = 3.0  # nats per byte; the byte frequencies alone give 3.11
START = math.log(256)  # the loss before training

HOURS_PER_RUN = 3.4 / 903  # wall clock of the committed runs, two at a time
HOURS_PER_CHARACTER_RUN = 1 / 60
MOST_SEEDS = 100  # beyond this, another design is needed


def level_of(seeds):
    """The error probability that the look with this many seeds may spend."""
    return [level for least, level in LOOKS if seeds >= least or least == LOOKS[0][0]][-1]
