"""The end of `make reproduce`: verdicts, run times, and the paths of figures, explorer and report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from textwrap import indent

from ..artefacts import tables
from ..artefacts.contents import Contents
from ..artefacts.files import files_below
from ..errors import TableError
from ..scorecard.statement import TITLES
from ..scorecard.verdicts import Row, by_claim, tally
from .benchmarks import time_by_stage


def summary(contents: Contents) -> str:
    """The verdict on each claim for every variant of a results folder, and where to look next.

    Raises TableError if no variant has a scorecard.
    """
    results, lines = contents.results, list[str]()
    pooled = Path("root-seeds", "tables", "claims.parquet")
    if contents.holds(pooled) and (results / pooled).exists():
        lines += _verdicts("over root seeds", results / "root-seeds")
    variants = [results / name for name in sorted(contents.runs)]
    finished = [each for each in variants if (each / "explorer.html").exists()]
    if not finished:
        raise TableError(f"{results}: no scorecard yet; run `make reproduce` first")
    for variant in finished:
        lines += _verdicts(str(variant), variant)
        benchmarks = variant / "benchmarks"
        measured = [
            path for path in files_below(benchmarks) if contents.holds(path.relative_to(results))
        ]
        run_times = time_by_stage(benchmarks, measured)
        lines += ["", "  run times", indent(run_times, "    ")] if run_times else []
        lines += [
            "",
            f"  explorer   {variant / 'explorer.html'}",
            f"  figures    {variant / 'figures'}",
        ]
    report = results / "report.html"
    lines += [f"  report     {report}"] if report.exists() else []
    readme = results / "README.md"
    lines += [f"  tables     {readme}"] if readme.exists() else []
    return "\n".join(lines)


def _verdicts(title: str, folder: Path) -> Iterator[str]:
    """A blank line, the tally under ``title``, and a line for each claim."""
    claims = tables.read(folder / "tables" / "claims.parquet", "claims")
    rows = tables.Rows.of("claims", claims).records()
    yield from ("", f"{title}: {tally(rows)}", *_lines(rows))


def _lines(rows: Sequence[Row]) -> Iterator[str]:
    """``   2  3 of 5 hold   Transient ridge; 2c undecided``, a line for each claim."""
    for claim, found in by_claim(rows).items():
        yield f"  {claim:>2}  {found.verdict:<14} {'; '.join((TITLES[claim], *found.others))}"
