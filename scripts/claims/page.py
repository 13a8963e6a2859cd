"""page: docs/claims.md from docs/claims/verdicts.json: every claim with its verdict."""

import verdicts


def page(folder):
    found = verdicts.verdicts(folder)
    lines = ["# Claims about norms, measured at small scale", ""]
    lines += [f"{i}. {sentence['text']}" for i, sentence in enumerate(found["advice"], 1)]
    for section, title in (("article", "The article's claims"), ("own", "Other claims")):
        lines += ["", f"## {title}", "", "| claim | verdict |", "| --- | --- |"]
        lines += [
            f'| <a id="{claim["id"]}"></a>{claim["text"]} | {claim["verdict"]} |'
            for claim in found["claims"]
            if claim["section"] == section
        ]
    return "\n".join(lines) + "\n"
