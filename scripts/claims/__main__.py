"""claims: `collect FOLDER FILE.csv` reduces the runs of a part to a CSV; `verdicts FOLDER` prints
docs/claims/verdicts.json; `deviations` prints docs/claims/deviations.md; `page FOLDER` prints docs/claims.md and
`tables FOLDER` docs/claims/tables.md, from the verdicts.json in FOLDER; `pictures FOLDER OUT` writes the SVG files."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "report"))

import measured  # noqa: E402
import runs  # noqa: E402

EXIT_USAGE, EXIT_DATA = 2, 3


def run(command, arguments):
    """Runs a command, and returns whether there is one with so many arguments."""
    if command == "collect" and len(arguments) == 2:
        import collect

        collect.collect(*arguments)
    elif command == "verdicts" and len(arguments) == 1:
        import verdicts

        sys.stdout.write(verdicts.text(*arguments))
    elif command == "deviations" and not arguments:
        import deviations

        sys.stdout.write(deviations.page("."))
    elif command == "page" and len(arguments) == 1:
        import page

        sys.stdout.write(page.page(*arguments))
    elif command == "tables" and len(arguments) == 1:
        import tables

        sys.stdout.write(tables.text(*arguments))
    elif command == "pictures" and len(arguments) == 2:
        import pictures

        pictures.write(*arguments)
    else:
        return False
    return True


def main(words):
    try:
        if not run(words[0] if words else "", words[1:]):
            sys.exit(EXIT_USAGE)
    except (runs.NoRun, measured.NotMeasured) as error:
        print(f"claims.sh: {error}", file=sys.stderr)
        sys.exit(EXIT_DATA)


main(sys.argv[1:])
