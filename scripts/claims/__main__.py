"""claims: `collect FOLDER FILE.csv` reduces the runs of a part to a CSV; `page FOLDER` prints docs/claims.md."""

import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "report"))

import collect  # noqa: E402
import judge  # noqa: E402
import measured  # noqa: E402
import page  # noqa: E402
import runs  # noqa: E402
import text  # noqa: E402
from claims import CLAIMS  # noqa: E402

EXIT_USAGE, EXIT_DATA = 2, 3


def print_page(folder):
    data = measured.Measured(folder)
    judgements = [judge.judge(data, claim) for claim in CLAIMS]
    sys.stdout.write(
        page.page(
            judgements, text.INTRODUCTION, text.tally(judgements), text.tables(data), text.ending(data, judgements)
        )
    )


def main(words):
    try:
        if words[:1] == ["collect"] and len(words) == 3:
            collect.collect(words[1], words[2])
        elif words[:1] == ["page"] and len(words) == 2:
            print_page(words[1])
        else:
            sys.exit(EXIT_USAGE)
    except (runs.NoRun, measured.NotMeasured) as error:
        print(f"claims.sh: {error}", file=sys.stderr)
        sys.exit(EXIT_DATA)


main(sys.argv[1:])
