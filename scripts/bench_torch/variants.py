"""variants: finds the fastest of the ways to run a model in PyTorch, for each mode and precision.

A way is a precision (float32, bfloat16) and a mode (eager, compile). A variant is one way of writing it: how matrices
are multiplied (casts() in model.py), the attention, the implementation of AdamW (model.py), and settings of the process
(SETTINGS in sides.py). Not all combinations are tried: the attention first, then AdamW with the fastest attention, then
the settings with both. Compiled models take AdamW and settings from the eager one.
"""

from sides import SETTINGS

COMPILED_ATTENTIONS = ("matmul", "sdpa")  # baddbmm fuses by hand what the compiler fuses


def variant_words(variant):
    words = [f"{key}={variant[key]}" for key in ("mode", "cast", "attention", "adamw")]
    return " ".join(words + [f"settings={'+'.join(variant['settings']) or 'none'}"])


class Search:
    """The trials of one workload; `said` is what the PyTorch process told about itself."""

    def __init__(self, sides, name, config, said):
        self.sides, self.name, self.config, self.said = sides, name, config, said

    def fastest(self, variants):
        """Tries variants with the same settings in one process. None if none of them runs."""
        settings = variants[0]["settings"]
        trials = self.sides.ask_torch("try", settings, config=self.config, variants=variants)["trials"]
        for trial in trials:
            result = f"{trial['ms']:.1f} ms" if "ms" in trial else f"does not run: {trial['failed']}"
            print(f"{self.name}: tried {variant_words(trial)}: {result}", flush=True)
        return min((t for t in trials if "ms" in t), key=lambda t: t["ms"], default=None)

    def eager(self, cast, settings):
        first = {"mode": "eager", "cast": cast, "adamw": "plain", "settings": settings}
        best = self.fastest([{**first, "attention": way} for way in self.said["attentions"]])
        if best:
            others = [way for way in self.said["adamws"] if way != "plain"]
            best = faster(best, self.fastest([{**without_time(best), "adamw": way} for way in others]))
        return best

    def with_settings(self, best):
        """The fastest settings for a variant."""
        names = sorted(SETTINGS)
        for settings in [[name] for name in names] + [names]:
            best = faster(best, self.fastest([{**without_time(best), "settings": settings}]))
        return best

    def compiled(self, eager):
        """The attention with the AdamW of eager mode, then the other AdamWs: trials vary by more than they differ."""
        ways = [way for way in self.said["attentions"] if way in COMPILED_ATTENTIONS]
        best = self.fastest([{**without_time(eager), "mode": "compile", "attention": way} for way in ways])
        if best:
            others = [way for way in self.said["adamws"] if way != best["adamw"]]
            best = faster(best, self.fastest([{**without_time(best), "adamw": way} for way in others]))
        return best

    def search(self, precisions, modes):
        """{(precision, mode): its fastest variant}."""
        found, settings = {}, None
        for precision in precisions:
            for cast in self.said["casts"][precision]:
                eager = self.eager(cast, settings or [])
                if not eager:
                    continue
                if settings is None:
                    eager = self.with_settings(eager)
                    settings = eager["settings"]
                tried = {"eager": eager}
                if "compile" in modes and not self.said["modes"]["compile"]:
                    tried["compile"] = self.compiled(eager)
                for mode in modes:
                    if tried.get(mode):
                        found[precision, mode] = faster(found.get((precision, mode)), tried[mode])
        return found


def without_time(variant):
    return {key: value for key, value in variant.items() if key != "ms"}


def faster(left, right):
    """The faster of two variants; each may be None."""
    return min((v for v in (left, right) if v), key=lambda v: v["ms"], default=None)


def every(said, precisions, modes):
    """[(precision, variant)]: each cast, attention, AdamW and mode of this PyTorch at least once in each precision."""
    usual = {"mode": "eager", "attention": said["attentions"][-1], "adamw": "plain", "settings": []}
    changes = [{"attention": way} for way in said["attentions"]]
    changes += [{"adamw": way} for way in said["adamws"] if way != "plain"]
    changes = [{"mode": "eager", **change} for change in changes]
    changes += [{"mode": "compile", "attention": way} for way in said["attentions"] if way in COMPILED_ATTENTIONS]
    changes = [change for change in changes if change["mode"] in modes and not said["modes"][change["mode"]]]
    return [
        (precision, {**usual, "cast": cast, **change})
        for precision in precisions
        for cast in said["casts"][precision]
        for change in changes
    ]
