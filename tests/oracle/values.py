"""values: numbers of the fixtures, functions of a label and an index, the same in test_oracle.c."""

MASK64 = 2**64 - 1


def hash_text(text, state=0xCBF29CE484222325):
    """FNV-1a, 64 bits."""
    for byte in text.encode():
        state = ((state ^ byte) * 0x100000001B3) & MASK64
    return state


def bits(label, i):
    """Number i of the stream `label`: 20 bits of splitmix64."""
    z = (hash_text(label) + (i + 1) * 0x9E3779B97F4A7C15) & MASK64
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK64
    return (z ^ (z >> 31)) >> 44


def initial_value(name, label, i):
    """Sums of powers of two, which a float represents exactly."""
    k = bits(label, i)
    if name.endswith(".gamma"):
        return 0.5 + k / 2**20  # 0.5 .. 1.5
    if name.endswith(".leave"):
        return 0.25 + k / 2**22
    if name.endswith((".enter", ".enter_x0", ".skip", ".branch", ".block_skip", ".x0")):
        return 0.5 + k / 2**20
    if name.endswith(".alpha"):
        return 0.25 + k / 2**21  # 0.25 .. 0.75
    if name.endswith(".lambda"):
        return 2.5 + 5 * k / 2**20  # 2.5 .. 7.5
    if name.endswith(".running_scale"):
        return 0.5 + k / 2**20
    if name.endswith(".beta"):
        return (0.25 + k / 2**21) * (-1 if k & 1 else 1)  # away from 0
    size = 2 if "_emb." in name else 1
    return size * (k - 2**19) / 2**20  # -size/2 .. size/2
