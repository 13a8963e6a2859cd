"""claim: what a claim consists of: words, a claimed number, a primary test and further rows."""

from dataclasses import dataclass, field


@dataclass
class Arm:
    """Runs of a part: those in which `keys` have these values."""

    part: str
    keys: dict = field(default_factory=dict)
    label: str = ""


@dataclass
class Test:
    """A comparison of arm a with arm b by one column of the CSVs.

    kind       tuned        difference at each arm's own best rate, by the pooled model
               at_best      difference at the rate of the lowest final loss, by the pooled model
               best_rate    ratio of the fitted best rates
               equal        mean of the differences, paired by seed
               ratio        ratio, by the differences of logarithms, paired by seed
               level        mean of arm a alone, minus `null`
               level_ratio  the same for the logarithm
               fit          difference of two columns of arm a: metric minus `other`
               counts       ratio of counts, summed over `rates` where given
               failures     difference of the fractions of failed runs, over `settings` where given
               sensitivity  ratio of the sensitivities to the learning rate
    direction  below, above, equal (within the margin), least (a minus b is at least `bound`)
    margin     a name in protocol.MARGINS, or a number; of ratios a factor
    settings   keys of the conditions whose runs are taken together
    """

    kind: str
    label: str
    a: Arm
    b: Arm = None
    metric: str = "val_loss"
    direction: str = "below"
    margin: object = "loss"
    null: float = 0.0
    bound: float = None
    other: str = None
    end_point: str = "final validation loss"
    settings: list = field(default_factory=list)
    exploratory: bool = False


@dataclass
class Number:
    """A claimed number in the unit of the primary test, and as the claim states it. `row`: the label of the secondary
    test in whose unit it is, if not in the primary test's."""

    value: float
    unit: str
    text: str
    row: str = None


@dataclass
class Original:
    """The verdict under the plan that was recorded before the runs, its rule, and what changed since."""

    verdict: str
    rule: str
    deviation: str


@dataclass
class Claim:
    """`primary` is None for a claim that is not tested; `verdict` and `why` are then those of the literature."""

    id: str
    section: str
    text: str
    literature: str
    model: str = ""
    steps: int = None
    primary: Test = None
    secondary: list = field(default_factory=list)
    claimed: Number = None
    original: Original = None
    exploratory: bool = False
    verdict: str = None
    why: str = ""
    needed: str = ""
    comment: str = ""
    planned: bool = False  # in docs/claims/plan.md: not on the page before its part has runs
