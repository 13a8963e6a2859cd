"""The rules: which mutants a line of C has.

A rule is a function that yields edits (rule, column, length, replacement) of one line. Positions are found in the
line's code: the line with comments and strings blanked out, so that a position in it is a position in the line.
docs/mutants.md lists the rules in words.
"""

import re
from dataclasses import dataclass

COMPUTING = ["norm/*.c", "base/*.c", "ops/cpu/*.[ch]", "model/*.c", "run/optim/*.c"]

EXCHANGED = [
    ("sign", " + ", " - "),
    ("sign", " - ", " + "),
    ("sign", " += ", " -= "),
    ("sign", " -= ", " += "),
    ("index", " + 1", ""),
    ("index", " - 1", ""),
    ("operator", " * ", " / "),
    ("operator", " / ", " * "),
    ("operator", " *= ", " /= "),
    ("operator", " < ", " <= "),
    ("operator", " <= ", " < "),
    ("operator", " > ", " >= "),
    ("operator", " >= ", " > "),
    ("operator", " == ", " != "),
    ("operator", " != ", " == "),
    ("operator", " && ", " || "),
    ("operator", " || ", " && "),
    ("operator", "(!", "("),
    ("operator", "&& !", "&& "),
]

WORDS = [
    ("slot", "SLOT_IN", "SLOT_OUT"),
    ("slot", "SLOT_MID", "SLOT_OUT"),
    ("slot", "SLOT_OUT", "SLOT_POST"),
    ("slot", "SLOT_POST", "SLOT_IN"),
    ("slot", "READ_STREAM", "READ_BLOCK"),
    ("slot", "READ_BLOCK", "READ_SHARED"),
    ("slot", "READ_SHARED", "READ_BLOCK"),
    ("slot", "beta1", "beta2"),
    ("slot", "beta2", "beta1"),
]

SUBLAYERS = [("slot", "->attn", "->mlp"), ("slot", "->mlp", "->attn")]

# Words of the table of topologies and of the code that reads it.
TABLE_FILES = ("model/topologies.c", "model/wiring.c")
TABLE_WORDS = [
    ("slot", "NORM", "NO"),
    ("slot", "NO", "NORM"),
    ("slot", "GAIN", "NORM"),
    ("slot", ".attn", ".mlp"),
    ("slot", ".mlp", ".attn"),
    ("coefficient", "F_ONE", "F_DEFAULT"),
    ("coefficient", "F_TWO_N", "F_ONE"),
    ("coefficient", "F_TWO_N_ROOT4", "F_TWO_N"),
    ("coefficient", "F_ZERO", "F_ONE"),
    ("coefficient", "F_RSQRT_N", "F_RSQRT_L"),
    ("coefficient", "F_RSQRT_L", "F_ONE"),
    ("coefficient", "F_LAYERSCALE", "F_ZERO"),
    ("constant", "INIT_PLAIN", "INIT_SCALED"),
    ("constant", "INIT_SCALED", "INIT_PLAIN"),
    ("constant", "INIT_SUBLN", "INIT_DEEPNORM"),
    ("constant", "FINAL_NORM", "FINAL_DUAL"),
    ("constant", "true", "false"),
]

NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*((->|\.)[A-Za-z_][A-Za-z_0-9]*)*")
COEFFICIENT = re.compile(
    r"(^|>|\.)(scale|skip|gain|branch|dual|block_skip|w|r|lr|alpha|slope|keep|inverse|grad_scale|weight|rate|gamma"
    r"|std|init_std)$"
)
DECLARATION = re.compile(r"^(const |struct |[A-Za-z_]+ \**[a-z])")
CALL = re.compile(r"[a-z_0-9]+\([^()]+[,)]")
COMMUTES = re.compile(r"\bfused\($")  # a*b + c: in its first two arguments
NO_CALL = re.compile(r"^(if|for|while|switch|sizeof|return|printf|fprintf|snprintf)\(")
PRINTS = re.compile(r"^(printf|fprintf|snprintf|vsnprintf|fputs|puts|perror)\(")
DECLARES_TYPE = re.compile(r"^(typedef|enum|struct|extern) ")
DECLARES_VARIABLE = re.compile(r"^(const|size_t|real|int|double|bool|static|struct)[ *]")
STATEMENT = re.compile(r"^[a-z_*(+\-][^{}]*;$")
NO_STATEMENT = re.compile(r"^(return|goto|static|const|typedef|\(void\))")
FIELD = re.compile(r'^\.[a-z_0-9]+ = [^{}"]*,$')


@dataclass
class Mutant:
    """One changed line. An id is file:line:rule, and .2, .3 ... if a rule changes a line in several places."""

    id: str
    file: str
    line: int
    rule: str
    before: str
    after: str

    @property
    def key(self):
        """What equivalent.txt finds it by, wherever the line is now."""
        return self.file, self.rule, self.before.lstrip(" "), self.after.lstrip(" ")


@dataclass
class Line:
    """A line of C with what the rules need to know of it."""

    file: str
    text: str
    code: str  # without comments and strings
    starts: bool  # whether a statement begins here

    @property
    def trimmed(self):
        return self.code.strip(" ")


class Blanker:
    """Blanks comments and strings, line by line; a comment may go on in the next line."""

    def __init__(self):
        self.in_comment = False

    def blank(self, text):
        out, i = [], 0
        while i < len(text):
            pair = text[i : i + 2]
            if self.in_comment or pair == "/*":
                width = 2 if pair in ("/*", "*/") and (pair == "*/") == self.in_comment else 1
                self.in_comment ^= width == 2
                out.append(" " * width)
                i += width
            elif pair == "//":
                out.append(" " * (len(text) - i))
                break
            elif text[i] in "\"'":
                end = string_end(text, i)
                out.append(text[i] + "_" * (end - i - 1) + text[i])
                i = end + 1
            else:
                out.append(text[i])
                i += 1
        return "".join(out)


def string_end(text, start):
    """Where the string or character that begins at `start` ends."""
    i = start + 1
    while i < len(text) and text[i] != text[start]:
        i += 2 if text[i] == "\\" else 1
    return i


def replaced(line, rule, old, new):
    """Every place of `old` in the code; places may share their last character, as in `a - b - c`."""
    at = line.code.find(old)
    while at >= 0:
        yield rule, at, len(old), new
        at = line.code.find(old, at + max(1, len(old) - 1))


def replaced_words(line, rule, old, new):
    for _, at, length, _ in replaced(line, rule, old, new):
        around = line.code[at - 1 : at] + line.code[at + length : at + length + 1]
        if not re.search(r"\w", around):
            yield rule, at, length, new


def halved(token):
    return f"{float(re.match(r'[0-9.]+(e-[0-9]+)?', token)[0]) / 2:.17g}"


def constants(line):
    at = 0
    while found := re.compile(r"[A-Za-z0-9_.]+").search(line.code, at):
        start, token = found.start(), found[0]
        if re.fullmatch(r"[0-9]+", token):
            yield "constant", start, len(token), str(int(token) + 1)
        elif re.fullmatch(r"[0-9]+\.[0-9]*|[0-9.]+e", token):
            exponent = re.compile(r"-[0-9]+").match(line.code, found.end()) if token.endswith("e") else None
            token += exponent[0] if exponent else ""
            yield "constant", start, len(token), halved(token)
        at = start + len(token)


def coefficients(line):
    """Drops a factor whose name is that of a coefficient."""
    code = line.code
    for found in NAME.finditer(code):
        start, end = found.span()
        if not COEFFICIENT.search(found[0]):
            continue
        if code[end : end + 3] == " * ":
            yield "coefficient", start, end - start + 3, ""
        elif start > 2 and code[start - 3 : start] == " * ":
            yield "coefficient", start - 3, end - start + 3, ""
        elif code[max(0, start - 6) : start] == "(real)" and code[end : end + 1] in (",", ")"):
            yield "coefficient", start, end - start, "1"


def arguments(line):
    """Exchanges two neighbouring arguments, neither with commas or parentheses of its own."""
    code, at = line.code, 0
    if not code.startswith(" ") or DECLARES_VARIABLE.search(line.trimmed):
        return
    while found := CALL.search(code, at):
        at = code.index("(", found.start()) + 1
        if NO_CALL.search(code[found.start() : at]):
            continue
        parts = re.split(r"[();]", code[at : at + len(found[0])])[0].split(", ")
        commutes = COMMUTES.search(code[:at])
        for a, b in zip(parts, parts[1:], strict=False):
            b = b.removesuffix(",")
            refused = commutes or DECLARATION.search(a) or DECLARATION.search(b)
            commutes = None
            if a != b and b and not refused and not re.search(r'[{}"]', a + b):
                yield "swap", at, len(a) + 2 + len(b), f"{b}, {a}"
            at += len(a) + 2


def balanced(text):
    return len(re.findall(r"[({\[]", text)) == len(re.findall(r"[)}\]]", text))


def statements(line):
    """Drops a statement of one line, or a field of an initializer."""
    trimmed = line.trimmed
    if not balanced(trimmed):
        return
    drops = line.starts and STATEMENT.search(trimmed) and line.code.startswith(" ")
    if drops and not NO_STATEMENT.search(trimmed) and not DECLARATION.search(trimmed):
        yield "statement", line.text.index(trimmed[0]), len(trimmed), ";"
    if FIELD.search(trimmed):
        yield "statement", line.text.index("."), len(trimmed), ""


def edits(line):
    for rule in EXCHANGED:
        yield from replaced(line, *rule)
    if not re.search(r"char [a-z_]+\[", line.trimmed):
        yield from constants(line)
    yield from coefficients(line)
    yield from arguments(line)
    yield from statements(line)
    for rule in WORDS:
        yield from replaced_words(line, *rule)
    for rule in SUBLAYERS:
        yield from replaced(line, *rule)
    if line.file in TABLE_FILES:
        for rule in TABLE_WORDS:
            yield from replaced_words(line, *rule)


def lines_of(file, text):
    """(number, Line) of the lines that may be changed: no preprocessor, no declaration of a type, no printing."""
    blanker, before, in_macro = Blanker(), ";", False
    for number, one in enumerate(text.split("\n"), start=1):
        code = blanker.blank(one)
        preprocessor = in_macro or code.lstrip(" ").startswith("#")
        in_macro = preprocessor and code.endswith("\\")
        trimmed = code.strip(" ")
        if preprocessor or not trimmed:
            continue
        starts = re.search(r"([;{}:]|else)$|^(if|for|while) .*\)$", before) is not None
        before = trimmed
        if not PRINTS.search(trimmed) and not DECLARES_TYPE.search(trimmed):
            yield number, Line(file, one, code, starts)


def mutants_of(file, text):
    for number, line in lines_of(file, text):
        count = {}
        for rule, at, length, replacement in edits(line):
            count[rule] = count.get(rule, 0) + 1
            name = f"{file}:{number}:{rule}" + (f".{count[rule]}" if count[rule] > 1 else "")
            after = line.text[:at] + replacement + line.text[at + length :]
            yield Mutant(name, file, number, rule, line.text, after)


def all_mutants(root):
    """Every mutant of every file that computes, in the order of COMPUTING."""
    files = [path for pattern in COMPUTING for path in sorted(root.glob(pattern))]
    return [mutant for path in files for mutant in mutants_of(str(path.relative_to(root)), path.read_text())]
