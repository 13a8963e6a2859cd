"""Which mutants are run: those that --only names, or a sample drawn evenly over the files."""

PRIME = 2**31 - 1


def draw_hash(id_, seed):
    """The same number for an id and a seed on every machine."""
    value = seed + 1
    for letter in id_:
        value = (value * 131 + (ord(letter) if " " <= letter < "\x7f" else 0)) % PRIME
    for _ in range(4):
        value = value * 48271 % PRIME
    return value


def sampled(mutants, count, seed):
    """The best mutant of every file by hash, then every file's second ... up to `count`."""
    of_file = {}
    for mutant in mutants:
        of_file.setdefault(mutant.file, []).append((draw_hash(mutant.id, seed), mutant.id, mutant))
    ranked = []
    for drawn in of_file.values():
        ranked += [(rank, *entry) for rank, entry in enumerate(sorted(drawn, key=lambda entry: entry[:2]))]
    ranked.sort(key=lambda entry: entry[:3])
    return [mutant for *_, mutant in ranked[:count]]


def chosen(mutants, only, count, seed):
    """`only`: ids and files, all mutants if empty. `count`: how many of them, 0 for all."""
    kept = [mutant for mutant in mutants if not only or mutant.id in only or mutant.file in only]
    return sampled(kept, count, seed) if count else kept
