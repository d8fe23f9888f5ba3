"""What `make reproduce` ends with: the scorecard in lines, and where to look next."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artefacts import tables
from ..scorecard.claims import UNTESTABLE, measured, tally
from .benchmarks import times


def summary(results: Path) -> str:
    """The scorecard of every variant below ``results``, and where to look next."""
    lines = []
    for explorer in sorted(results.glob("*/explorer.html")):
        variant = explorer.parent
        rows = tables.read(variant / "tables" / "claims.parquet", "claims").to_dict("records")
        lines += ["", f"{variant}: {tally([row['verdict'] for row in rows])}"]
        lines += [_line({str(name): value for name, value in row.items()}) for row in rows]
        spent = times(variant)
        lines += ["", "  where the time went", spent] if spent else []
        lines += [
            "",
            f"  explorer   {explorer}",
            f"  figures    {variant / 'figures'}",
        ]
    report = results / "report.html"
    lines += [f"  report     {report}"] if report.exists() else []
    readme = results / "README.md"
    lines += [f"  tables     {readme}"] if readme.exists() else []
    return "\n".join(lines)


def _line(row: Mapping[str, Any]) -> str:
    """``  2a  holds  0.28  (at least 0.2)  statement``; with the reason if it could not be tested."""
    verdict = re.sub(" at this scale", "", row["verdict"])
    value = measured(row["value"], row["standard_error"])
    numbers = f"{value} ({row['comparison']} {row['threshold']:.3g})"
    unclear = row["verdict"] == UNTESTABLE
    remark = ", ".join(([numbers] if row["value"] is not None else []) + [row["reason"]] * unclear)
    return f"  {row['claim']:>2}{row['part']}  {verdict:<14} {row['statement']}: {remark}"
