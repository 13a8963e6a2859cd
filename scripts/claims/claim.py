"""claim: what a claim consists of: tests, each a comparison of two arms by one measure."""

from dataclasses import dataclass, field


@dataclass
class Arm:
    """Runs of a part: those in which `keys` have these values. `tuned`: at the learning rate with the lowest mean
    final loss."""

    part: str
    keys: dict = field(default_factory=dict)
    tuned: bool = False


@dataclass
class Test:
    """One comparison of arm a with arm b, or the value of arm a if b is None.

    sign    -1 or 1: the claim is that a is below or above b
    within  the claim is that a and b differ by no more than this; without b, that a is within this of `size`
    least   the claim is that a, or its difference from b, is at least this
    size    the claimed number, printed next to the interval
    pilot   the pair of arms whose spread over seeds gives the detectable difference
    """

    label: str
    metric: str
    a: Arm
    b: Arm = None
    sign: int = 0
    within: float = None
    least: float = None
    size: float = None
    as_percent: bool = False
    pilot: tuple = None


@dataclass
class Claim:
    """`every`: the claim holds if all tests hold; otherwise one is enough. `tests` is None for a claim that cannot be
    tested here, and `comment` says why."""

    name: str
    article: str
    literature: str
    holds: str
    tests: list = None
    every: bool = True
    comment: str = ""
