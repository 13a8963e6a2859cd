"""known_sweep FOLDER [MARK]: writes run folders of 3 placements x 2 norms x 4 learning rates x 3 seeds with known
losses, and prints what their report must say, computed with formulas of its own: least squares by normal equations with
a column for each seed, derivatives by finite differences, Student's t by numerical integration.

With a MARK, sweep.json says that the sweep is at equal time. Shares nothing with scripts/report."""

import itertools
import json
import math
import random
import sys
from pathlib import Path

PLACEMENTS, NORMS, RATES, SEEDS = ["post", "pre", "peri"], ["layernorm", "rmsnorm"], [1e-3, 2e-3, 4e-3, 8e-3], [1, 2, 3]
LOWEST = {"post": 1.21, "pre": 1.02, "peri": 0.95}  # of the curve of a placement
BEST = {"post": 1.7e-3, "pre": 3.3e-3, "peri": 3.7e-3}
OF_NORM = {"layernorm": 0.012, "rmsnorm": 0.0}
STEPS, EQUAL_STEPS = 400, {"post": 408, "pre": 404, "peri": 400}
GONE = {("post", 8e-3): "diverged", ("post", 4e-3): "stuck"}  # with rmsnorm
EDGE = ("post", "layernorm")  # lowest at the lowest rate


def losses():
    """{(placement, norm, rate, seed): loss, None of a failed run}."""
    noise, found = random.Random(5), {}
    of_seed = {seed: noise.gauss(0, 0.02) for seed in SEEDS}
    for placement, norm, rate, seed in itertools.product(PLACEMENTS, NORMS, RATES, SEEDS):
        best = 4e-4 if (placement, norm) == EDGE else BEST[placement]
        loss = LOWEST[placement] + OF_NORM[norm] + 0.06 * math.log(rate / best) ** 2
        loss = round(loss + of_seed[seed] + noise.gauss(0, 0.004), 6)
        failed = norm == "rmsnorm" and (placement, rate) in GONE
        found[placement, norm, rate, seed] = None if failed else loss
    return found


def curve(last, steps):
    """step: validation loss, falling to the last one."""
    return {
        step: last + (5.5 - last) * math.exp(-6 * step / steps) * (1 - step / steps) for step in range(0, steps + 1, 50)
    }


def write_run(folder, number, key, loss, steps):
    placement, norm, rate, seed = key
    run = folder / f"{placement}-{norm}-lr{rate:g}-s{seed}"
    run.mkdir(parents=True)
    model = {"topology": placement, "norm": norm, "n_layer": 4, "context": 256}
    train = {"steps": steps, "seed": seed, "eval_rows": 16}
    config = {"name": run.name, "model": model, "optim": {"lr": rate}, "train": train}
    (run / "config.json").write_text(json.dumps(config))
    ending = "done" if loss is not None else GONE[placement, rate]
    last = loss if loss is not None else 3.1
    summary = {"exit_code": 5 if ending == "diverged" else 0, "ending": ending, "steps": steps, "val_loss": last}
    summary |= {"best_val_loss": last, "diverged": ending == "diverged", "diverged_step": 300, "grad_spikes": 0}
    summary |= {"loss_spikes": 0, "tokens_per_s": 9000, "peak_rss_mb": 44}
    data = {"description": "text.txt: 1003854 training and 111540 validation tokens", "unigram_entropy": 3.1116}
    facts = {"started": f"2026-01-02T{number // 60:02}:{number % 60:02}:00Z", "data": data, "summary": summary}
    (run / "run.json").write_text(json.dumps(facts | {"equations": [f"x = {placement} {norm}"]}))
    took = {"post": 20.0, "pre": 20.2, "peri": 20.4}[placement]
    lines = ["step,train_loss,val_loss,step_ms"]
    for step, value in curve(last, steps).items():
        lines.append(f"{step},{value + 0.01:.6f},{value:.6f},{took}")
    (run / "log.csv").write_text("\n".join(lines) + "\n")
    write_layers(run, placement)
    write_tensors(run, placement, seed)


def write_layers(run, placement):
    """The variance of the stream: grows with depth in pre, and out of any range in one layer of post."""
    lines = ["step,layer,sublayer,site,position,variance,grad_rms"]
    for step in (200, 400):
        for layer, sublayer in itertools.product(range(1, 5), ("attn", "mlp")):
            variance = {"pre": 1 + layer, "peri": 1 + 0.3 * layer, "post": 1.1}[placement]
            if placement == "post" and (layer, sublayer) == (3, "mlp"):
                variance = 1e9
            lines.append(f"{step},{layer},{sublayer},stream,rest,{variance},{1e-4 * layer}")
        lines.append(f"{step},5,final,stream,rest,{3 + step / 100},1e-4")
    (run / "layers.csv").write_text("\n".join(lines) + "\n")


def write_tensors(run, placement, seed):
    """Gains of 1 halfway; at the end they grow by 0.1 with every layer, and seed 2 has their mean."""
    slots = {"post": {"norm_post": 2.0}, "pre": {"norm_in": 1.0}, "peri": {"norm_in": 0.8, "norm_out": 0.5}}[placement]
    lines = ["step,tensor,rms,grad_rms,update_rms"]
    for step in (200, 400):
        lines.append(f"{step},tok_emb.weight,0.02,1e-3,1e-4")
        for layer, sublayer, slot in itertools.product(range(4), ("attn", "mlp"), slots):
            depth = layer + 1 + 0.5 * (sublayer == "mlp")
            rms = slots[slot] + depth / 10 + (seed - 2) / 100 if step == 400 else 1
            lines.append(f"{step},blocks.{layer}.{sublayer}.{slot}.gamma,{rms:.9g},1e-3,1e-4")
        lines.append(f"{step},final_norm.gamma,7,1e-3,1e-4")
    (run / "tensors.csv").write_text("\n".join(lines) + "\n")


def write(folder, found, equal_time):
    order = sorted(found, key=lambda key: key[3])  # all runs of a seed, in the order of the grid
    for number, key in enumerate(order):
        write_run(folder, number, key, found[key], EQUAL_STEPS[key[0]] if equal_time else STEPS)
    if equal_time:
        (folder / "sweep.json").write_text(json.dumps({"equal_time": True, "step_seconds": {"peri": 0.0204}}))


# --- the same numbers by other means ---


def solve(matrix, right):
    """Gauss with pivots; `right` is a list of columns."""
    n = len(matrix)
    lines = [list(matrix[i]) + [column[i] for column in right] for i in range(n)]
    for i in range(n):
        pivot = max(range(i, n), key=lambda k: abs(lines[k][i]))
        lines[i], lines[pivot] = lines[pivot], lines[i]
        for k in range(n):
            if k != i:
                factor = lines[k][i] / lines[i][i]
                lines[k] = [a - factor * b for a, b in zip(lines[k], lines[i], strict=True)]
    return [[lines[i][n + j] / lines[i][i] for i in range(n)] for j in range(len(right))]


def least_squares(rows, y):
    """Coefficients, (X'X)^-1 and the residual variance."""
    n = len(rows[0])
    gram = [[math.fsum(row[i] * row[j] for row in rows) for j in range(n)] for i in range(n)]
    moments = [math.fsum(row[i] * value for row, value in zip(rows, y, strict=True)) for i in range(n)]
    columns = solve(gram, [moments] + [[float(i == j) for i in range(n)] for j in range(n)])
    fitted = [math.fsum(c * x for c, x in zip(columns[0], row, strict=True)) for row in rows]
    df = len(y) - n
    return columns[0], columns[1:], math.fsum((a - b) ** 2 for a, b in zip(y, fitted, strict=True)) / df, df


def t_density(t, df):
    norm = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)
    return norm * (1 + t * t / df) ** (-(df + 1) / 2)


def t_quantile(p, df):
    """By Simpson's rule from 0 and bisection."""
    low, high = 0.0, 100.0
    for _ in range(60):
        t = (low + high) / 2
        n = 2000
        weights = [1 if i in (0, n) else 4 if i % 2 else 2 for i in range(n + 1)]
        area = math.fsum(w * t_density(t * i / n, df) for i, w in enumerate(weights)) * t / n / 3
        low, high = (t, high) if area < p - 0.5 else (low, t)
    return t


def best_of_grid(found, placement, norm):
    """The rate with the lowest mean of those at which no run failed."""
    cells = {rate: [found[placement, norm, rate, seed] for seed in SEEDS] for rate in RATES}
    return min((rate for rate in RATES if None not in cells[rate]), key=lambda rate: sum(cells[rate]))


def window(found, placement, norm):
    """The three rates of the fit."""
    i = RATES.index(best_of_grid(found, placement, norm))
    return RATES[i - 1 : i + 2]


def fitted(found, a, b):
    """Arm a minus arm b, each at its minimum: estimate, half width, standard error, df, and for each (rate, level)."""
    rows, y = [], []
    for arm, (placement, norm) in enumerate((a, b)):
        for rate, seed in itertools.product(window(found, placement, norm), SEEDS):
            x, here = math.log(rate), [0.0] * 6
            here[3 * arm : 3 * arm + 3] = [1.0, x, x * x]
            rows.append(here + [float(seed == other) for other in SEEDS[1:]])
            y.append(found[placement, norm, rate, seed])
    beta, inverse, variance, df = least_squares(rows, y)

    def between(coefficients):
        lowest = [c - s * s / (4 * q) for c, s, q in (coefficients[:3], coefficients[3:6])]
        return lowest[0] - lowest[1]

    gradient = []
    for i in range(len(beta)):
        step = 1e-6 * max(1e-3, abs(beta[i]))
        up, down = ([value + sign * step * (k == i) for k, value in enumerate(beta)] for sign in (1, -1))
        gradient.append((between(up) - between(down)) / (2 * step))
    indices = range(len(beta))
    error = math.sqrt(variance * sum(gradient[i] * inverse[i][j] * gradient[j] for i in indices for j in indices))
    mean = sum(beta[6:]) / len(SEEDS)  # of the seeds, the first of which has no column
    levels = [(math.exp(-s / (2 * q)), c - s * s / (4 * q) + mean) for c, s, q in (beta[:3], beta[3:6])]
    return between(beta), t_quantile(0.975, df) * error, error, df, levels


def seeds_for(gap, error, df):
    n = 2
    while True:
        more = df / (len(SEEDS) - 1) * (n - 1)
        if (t_quantile(0.975, more) + t_quantile(0.8, more)) * error * math.sqrt(len(SEEDS) / n) <= gap:
            return n
        n += 1


def minus(value):
    return f"{value:+.4f}".replace("-", "\N{MINUS SIGN}")


def by_norm(found):
    """rmsnorm minus layernorm, averaged over the placements: of pre and peri, in which both arms have a fit, from the
    losses of each seed at the fitted rates."""
    strata = []
    for placement in ("pre", "peri"):
        levels = {norm: at_minimum(found, placement, norm) for norm in NORMS}
        strata.append([levels["rmsnorm"][i] - levels["layernorm"][i] for i in range(len(SEEDS))])
    # post: layernorm is at the edge of its grid and rmsnorm beside failed runs, so both are at the best of the grid.
    ours, theirs = best_of_grid(found, "post", "rmsnorm"), best_of_grid(found, "post", "layernorm")
    strata.append([found["post", "rmsnorm", ours, s] - found["post", "layernorm", theirs, s] for s in SEEDS])
    centers = [sum(values) / 3 for values in strata]
    squares = sum((value - center) ** 2 for values, center in zip(strata, centers, strict=True) for value in values)
    error = math.sqrt(squares / 6) * math.sqrt(1 / 3 + 1 / 3 + 1 / 3) / 3
    return sum(centers) / 3, t_quantile(0.975, 6) * error


def cell(found, placement, norm, rate):
    return sum(found[placement, norm, rate, seed] for seed in SEEDS)


def at_minimum(found, placement, norm):
    """The loss of each seed on the parabola through its three losses, where the parabola of the means is lowest."""
    rates = window(found, placement, norm)

    def parabola(values):
        return solve([[1.0, math.log(rate), math.log(rate) ** 2] for rate in rates], [values])[0]

    _, slope, bend = parabola([cell(found, placement, norm, rate) for rate in rates])
    x = -slope / (2 * bend)
    curves = [parabola([found[placement, norm, rate, seed] for rate in rates]) for seed in SEEDS]
    return [c + s * x + q * x * x for c, s, q in curves]


def rate(value):
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def main(folder, equal_time):
    found = losses()
    write(Path(folder), found, equal_time)
    estimate, half, error, df, levels = fitted(found, ("peri", "rmsnorm"), ("pre", "rmsnorm"))
    print(
        f"{'At equal time, ' * equal_time}peri rmsnorm is best: at its best learning rate ({rate(levels[0][0])}) it "
        f"ends at a validation loss of {levels[0][1]:.4f} nats per token, {-estimate:.4f} below pre rmsnorm at its own "
        f"({rate(levels[1][0])}; 95 % interval of the difference {minus(estimate - half)} to {minus(estimate + half)}, "
        "3 seeds)."
    )
    print(seeds_for(0.02, error, df))
    mean, half = by_norm(found)
    print(f"{minus(mean)} | {minus(mean - half)} to {minus(mean + half)}")
    estimate, half, *_ = fitted(found, ("peri", "layernorm"), ("pre", "layernorm"))
    print(f"{minus(estimate)} | {minus(estimate - half)} to {minus(estimate + half)}")


main(sys.argv[1], len(sys.argv) > 2)
