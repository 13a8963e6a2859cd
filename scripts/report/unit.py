"""unit: the unit of the losses of a report, chosen when its runs are read.

A loss in nats per token depends on how much text a token holds. Runs whose tokens differ are compared in bits per
byte. Before the first call of choose() the unit is nats per token."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    name: str
    short: str


NATS, BITS = Unit("nats per token", "nats"), Unit("bits per byte", "bits per byte")
chosen = NATS


def choose(bytes_per_token):
    """For runs whose tokens hold so many bytes on average, NaN where that is unknown."""
    global chosen
    differ = len(set(bytes_per_token)) > 1 and not any(map(math.isnan, bytes_per_token))
    chosen = BITS if differ else NATS


def name():
    return chosen.name


def short():
    return chosen.short


def factor(bytes_per_token):
    """From nats per token to the unit of the report."""
    return 1 / (math.log(2) * bytes_per_token) if chosen is BITS else 1
