"""planted: how often scripts/claims is wrong, and how often it decides, on data whose truth is known.

usage: planted.py FOLDER [DRAWS]    FOLDER has the CSVs, whose standard deviations the data get

Every draw has up to 20 seeds, judged at 5, then 10, then 20, until the verdict is definite. Prints a table in Markdown,
and exits with 1 if more than 5 % of the verdicts are definite and wrong.
"""

import math
import sys
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts" / "claims"), str(ROOT / "scripts" / "report")]

import estimate  # noqa: E402
import judge  # noqa: E402
import measured  # noqa: E402
import protocol  # noqa: E402
import stats  # noqa: E402
from claim import Arm, Test  # noqa: E402

RATES = [1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2]
A, B = Arm("planted", {"arm": "a"}), Arm("planted", {"arm": "b"})
TUNED = Test("tuned", "", A, B)
EQUAL = Test("equal", "", A, B, settings=[{"optim.lr": 1e-3}])
COUNTS = Test("counts", "", A, B, "flagged", margin="counts", settings=[{"optim.lr": 1e-3}])
FAILURES = Test("failures", "", A, B, settings=[{"optim.lr": 1e-3}])
SENSITIVITY = Test("sensitivity", "", A, B, margin="sensitivity")
TRUE_DIFFERENCE = (protocol.HOLDS, protocol.FAILS)


class Planted:
    """Values by arm and rate, one for each seed; the interface of measured.Measured."""

    def __init__(self, cells, seeds):
        self.cells, self.seeds = cells, seeds

    def rates(self, arm):
        return sorted(rate for name, rate in self.cells if name == arm[1]["arm"])

    def values(self, arm, _):
        values = self.cells[arm[1]["arm"], arm[1]["optim.lr"]]
        return {str(seed): value for seed, value in enumerate(values[: self.seeds])}

    def pairs(self, a, b, metric):
        x, y = self.values(a, metric), self.values(b, metric)
        return [(x[seed], y[seed]) for seed in x]


def moments(data, part, keys, rate=None):
    """Mean and standard deviation of an arm in a committed CSV."""
    keys = keys if rate is None else keys | {"optim.lr": rate}
    values = list(data.values((part, keys), "val_loss").values())
    center = stats.mean(values)
    return center, math.sqrt(sum((value - center) ** 2 for value in values) / (len(values) - 1))


def losses_like(data, name, shift=0.0, rates=RATES):
    """A generator of losses over the rates, with means and deviations of a placement."""
    cells = {rate: moments(data, "placement", {"model.topology": name}, rate) for rate in rates}

    def draw(random, rate):
        center, deviation = cells[rate]
        return random.gauss(center + shift, deviation)

    return draw


def one_rate(center, deviation):
    return lambda random, rate: random.gauss(center, deviation)


def bimodal(low, high, often, deviation=0.02):
    """A loss that is high in a fraction of the runs, as that of runs that fail."""
    return lambda random, rate: random.gauss(high if random.random() < often else low, deviation)


def bimodal_over_rates(random, rate):
    """Post-LN of part placement: two modes at 2e-3, failures from 4e-3 on."""
    if rate <= 1e-3:
        return random.gauss(1.626, 0.022)
    often = {2e-3: 0.4, 4e-3: 0.4}.get(rate, 1.0)
    low, high = (1.17, 1.64) if rate == 2e-3 else (2.86, 3.11)
    return random.gauss(high if random.random() < often else low, 0.02)


def parabola(best, floor, bend=0.1, deviation=0.03):
    return lambda random, rate: random.gauss(floor + bend * math.log(rate / best) ** 2, deviation)


def poisson(random, mean):
    count, product = 0, random.random()
    while product > math.exp(-mean):
        count, product = count + 1, product * random.random()
    return count


def spikes(mean, phi):
    """Negative binomial counts: Poisson with a gamma mean, of variance mean + phi mean^2."""
    return lambda random, rate: poisson(random, random.gammavariate(1 / phi, mean * phi))


def verdict_of(test, cells, seeds):
    found = estimate.evaluate(Planted(cells, seeds), test)
    return protocol.UNDECIDED if found.edge else judge.decide(test, found.result)[0]


def sequence(test, draw_a, draw_b, random, rates):
    """The verdict after 5, 10 and 20 seeds, of which the first definite one stands."""
    cells = {
        (name, rate): [draw(random, rate) for _ in range(20)]
        for name, draw in (("a", draw_a), ("b", draw_b))
        for rate in rates
    }
    verdicts = []
    for seeds, _ in protocol.LOOKS:
        done = verdicts and verdicts[-1] in protocol.DEFINITE
        verdicts.append(verdicts[-1] if done else verdict_of(test, cells, seeds))
    return verdicts


def scenarios(data):
    """(name, test, generators of a and b, rates, right verdict or None, wrong verdicts)."""
    pre, one = losses_like(data, "pre"), [1e-3]
    three = 3 * protocol.MARGINS["loss"]
    character = moments(data, "nanogpt_char", {"arm": "pre", "norm": "layernorm"})[1]
    best = moments(data, "placement", {"model.topology": "pre"}, 8e-3)[1]
    equal, lower = protocol.NO_DIFFERENCE, protocol.HOLDS
    not_lower = (protocol.FAILS, protocol.NO_DIFFERENCE)
    loss = one_rate(1.9, character), one_rate(1.9 - three, character)
    phi = 0.2  # the counts of part spikes at 1.6e-2 spread so
    high, none = one_rate(0.6, best), (None, TRUE_DIFFERENCE)
    modes, failing, rarely = bimodal(1.17, 3.1, 0.4), bimodal(1.2, 3.1, 0.4), bimodal(1.2, 3.1, 0.05)
    like_peri, like_post = losses_like(data, "peri"), losses_like(data, "post")
    few, many = spikes(0.4, 1e-6), spikes(14, phi)
    return [
        ("equal arms, tuned", TUNED, pre, pre, RATES, equal, TRUE_DIFFERENCE),
        ("three margins, tuned", TUNED, losses_like(data, "pre", -three), pre, RATES, lower, not_lower),
        ("equal arms, one rate, 4 blocks", EQUAL, high, high, one, equal, TRUE_DIFFERENCE),
        ("three margins, one rate, 4 blocks", EQUAL, one_rate(0.6 - three, best), high, one, lower, not_lower),
        ("equal arms, one rate, character model", EQUAL, loss[0], loss[0], one, equal, TRUE_DIFFERENCE),
        ("three margins, one rate, character model", EQUAL, loss[1], loss[0], one, lower, not_lower),
        ("one margin, one rate, character model", EQUAL, one_rate(1.88, character), loss[0], one, None, (equal,)),
        ("equal arms, bimodal with failures, tuned", TUNED, bimodal_over_rates, bimodal_over_rates, RATES, *none),
        ("equal arms, bimodal, one rate", EQUAL, modes, modes, one, *none),
        ("equal failures, 4 of 10", FAILURES, failing, failing, one, *none),
        ("failures, 1 of 20 against 4 of 5", FAILURES, rarely, bimodal(1.2, 3.1, 0.8), one, lower, not_lower),
        ("equal counts, 2 events in 5 seeds", COUNTS, few, few, one, *none),
        ("equal counts, 14 events a run", COUNTS, many, many, one, equal, TRUE_DIFFERENCE),
        ("counts, ratio 1 to 4", COUNTS, spikes(3.5, phi), many, one, lower, not_lower),
        ("equal sensitivity", SENSITIVITY, pre, pre, RATES, equal, TRUE_DIFFERENCE),
        ("sensitivity of Peri-LN and Post-LN as measured", SENSITIVITY, like_peri, like_post, RATES, lower, not_lower),
        ("equal minima, one beyond the grid", TUNED, parabola(4e-2, 0.6), parabola(4e-3, 0.6), RATES, *none),
        ("equal minima, one at the last rate", TUNED, parabola(1.6e-2, 0.6), parabola(4e-3, 0.6), RATES, *none),
    ]


def three_against_one(random):
    """Three events and one, in runs drawn by lot."""
    cells = {("a", 1e-3): [0] * 5, ("b", 1e-3): [0] * 5}
    for name, events in (("a", 1), ("b", 3)):
        for _ in range(events):
            cells[name, 1e-3][random.randrange(5)] += 1
    return [verdict_of(COUNTS, cells, 5)]


def line(name, found, right, wrong):
    """A line of the table, and the fraction of wrong verdicts."""
    share = sum(verdicts[-1] in wrong for verdicts in found) / len(found)
    power = (
        [sum(verdicts[i] == right for verdicts in found) / len(found) for i in range(len(found[0]))] if right else []
    )
    cells = [f"{100 * p:.0f} %" for p in power] + ["–"] * (3 - len(power))
    print(f"| {name} | {right or '–'} | {100 * share:.1f} % | {' | '.join(cells)} |", flush=True)
    return share


def main(folder, draws=1000):
    data, worst = measured.Measured(folder), 0.0
    print("| planted | right | wrong | right at 5 | at 10 | at 20 seeds |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for name, test, draw_a, draw_b, rates, right, wrong in scenarios(data):
        random = Random(name)
        found = [sequence(test, draw_a, draw_b, random, rates) for _ in range(int(draws))]
        worst = max(worst, line(name, found, right, wrong))
    random = Random(3)
    found = [three_against_one(random) for _ in range(int(draws))]
    worst = max(worst, line("3 events against 1", found, None, protocol.DEFINITE))
    return 1 if worst > 0.05 else 0


sys.exit(main(*sys.argv[1:]))
