"""tables: docs/claims/tables.md from docs/claims/verdicts.json: every number behind docs/claims.md."""

import collect
import page
import strips

HEAD = """# Tables of the claims

Every number behind [claims.md](../claims.md), from [verdicts.json](verdicts.json). `scripts/claims.sh --tables` prints
this page. Differences are the first arm minus the second, ratios the first over the second; intervals cover 95 % unless
they say otherwise. The [protocol](protocol.md) explains tests, margins and controls."""
DASH = "\N{EN DASH}"


def grid(heads, rows):
    return [f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *rows]] + [""]


def rate(value):
    return DASH if value is None else f"{value:g}"


def span(low, high, unit):
    return f"{strips.number(low, unit)} to {strips.number(high, unit)}"


def arm(one):
    if one is None:
        return DASH
    best = f", best rate {one['rate']:g}" if one["rate"] else ""
    fitted = f" (fitted {one['optimum']:.2g})" if one["optimum"] else ""
    return f"{one['label']}{best}{fitted}"


def mean(one):
    return DASH if one is None else f"{one['mean']:.4g}"


def primary(claim):
    test = claim["primary"]
    unit = test["unit"]
    margin = DASH if test["margin_low"] is None else span(test["margin_low"], test["margin_high"], unit)
    facts = [
        ("end point", test["end_point"]),
        ("arms", f"{arm(test['a'])}; {arm(test['b'])}" if test["b"] else arm(test["a"])),
        ("means", f"{mean(test['a'])}; {mean(test['b'])}" if test["b"] else mean(test["a"])),
        ("estimate", strips.with_interval(test)),
        ("90 % interval", span(test["low90"], test["high90"], unit)),
        (f"interval of this look ({1 - test['level']:.1%})", span(test["low_look"], test["high_look"], unit)),
        ("margin", margin),
        ("method", f"{test['method']}, {test['n']} seeds, unit: {unit}"),
        ("parts", f"{', '.join(claim['parts'])}; controls: {claim['controls']}"),
    ]
    if claim["p"] is not None:
        passed = "passes" if claim["p_passed"] else "does not pass"
        facts.append(("p", f"{claim['p']:.2g}, {passed} Benjamini-Hochberg"))
    if claim["original"]:
        before = claim["original"]
        facts.append(("original plan", f"{before['verdict']} ({before['rule']}). {before['deviation']}"))
    return grid([test["label"], page.verdict_of(claim)], facts)


def rows(claim):
    lines = []
    for item in claim["secondary"]:
        late = "exploratory" if item["exploratory"] else ""
        lines.append([item["label"], item["unit"], strips.with_interval(item), str(item["n"]), late])
    return (
        grid(["secondary comparison", "unit", "estimate (95 % interval)", "seeds", "planned?"], lines) if lines else []
    )


def sensitivity(found):
    lines = []
    for item in found["sensitivity"]:
        value = DASH
        if item["sensitivity"] is not None:
            value = f"{item['sensitivity']:.3f} ({item['low']:.3f} to {item['high']:.3f})"
        rates = ", ".join(f"{one:g}: {failed}" for one, failed in zip(item["rates"], item["failures"], strict=True))
        lines.append([item["group"], item["label"], value, rate(item["highest_rate"]), rates, item["controls"]])
    heads = ["models", "arm", "sensitivity (nats)", "highest rate at which all train", "failed runs of 5 at each rate"]
    return grid([*heads, "controls"], lines)


def differences(found):
    lines = [
        [item["group"], item["label"], strips.with_interval(item), str(item["n"]), item["controls"]]
        for item in found["peri_minus_pre"]
    ]
    return grid(["models", "setting", "Peri-LN minus Pre-LN (nats)", "seeds", "controls"], lines)


def controls(found):
    lines = []
    for part, state in found["parts"].items():
        for check in state["checks"]:
            passed = "passed" if check["passed"] else "failed"
            lines.append([part, check["kind"], check["label"], check["found"], passed])
    return grid(["part", "control", "what", "found", "result"], lines)


def columns():
    return grid(["column", "meaning"], [[metric.name, metric.meaning] for metric in collect.METRICS])


def text(folder):
    found = page.load(folder)
    lines = [*HEAD.splitlines(), "", "## Peri-LN minus Pre-LN", "", *differences(found)]
    lines += ["## Sensitivity to the learning rate", "", *sensitivity(found)]
    lines += ["## Controls", "", *controls(found), "## Columns of the CSVs", "", *columns()]
    for claim in found["claims"]:
        if claim["primary"]:
            lines += [f'## <a id="{claim["id"]}"></a>{claim["text"]}', "", *primary(claim), *rows(claim)]
    return "\n".join(lines).rstrip() + "\n"
