"""Pages of the repository quote parts of published scorecards.

A quotation stands between ``<!-- PART PRESET -->`` and ``<!-- end -->``.
"""

import re
from pathlib import Path

from ..artefacts.files import complete_file

#: The pages that quote, in the root of a checkout.
PAGES = ("README.md", "docs/results.md")
#: Part -> where it begins and ends in a scorecard, as regular expressions.
PARTS = {
    "scorecard": (r"^\| claim", r"\n\n|\Z"),
    "by M": (r"^Means over", r"\Z"),
    "along r": (r"^The LLC counts", r"^Means over|\Z"),
}


def scorecard_of(results: Path) -> Path:
    """The scorecard of published ``results``: over all root seeds if there are several, else that of ``base``."""
    pooled = results / "root-seeds" / "claims.md"
    return pooled if pooled.exists() else results / "claims.md"


def quote(scorecard: Path, preset: str, root: Path = Path()) -> list[Path]:
    """Put the parts of ``scorecard`` into the pages below ``root``; return the pages that quote ``preset``.

    A missing part leaves its place empty; pages that do not exist are skipped.
    """
    text = scorecard.read_text()
    quoting = []
    for page in filter(Path.exists, (root / name for name in PAGES)):
        old = page.read_text()
        new = old
        for part in PARTS:
            place = rf"(<!-- {part} {re.escape(preset)} -->\n).*?(<!-- end -->)"
            # Doubled, because re.sub would expand a backslash.
            inside = find(text, part).replace("\\", r"\\")
            new = re.sub(place, rf"\g<1>{inside}\g<2>", new, flags=re.S)
        if re.search(rf"<!-- .* {re.escape(preset)} -->", old):
            quoting.append(page)
        if new != old:
            with complete_file(page) as partial:
                partial.write_text(new)
    return quoting


def find(scorecard: str, part: str) -> str:
    """The ``part`` of a scorecard, its lines complete; empty if it has none."""
    begin, end = PARTS[part]
    found = re.search(rf"{begin}.*?(?={end})", scorecard, re.M | re.S)
    return f"{found[0].rstrip()}\n" if found else ""
