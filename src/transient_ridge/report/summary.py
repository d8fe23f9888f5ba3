"""The end of `make reproduce`: verdicts, run times, and the paths of figures, explorer and report."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..artefacts import tables
from ..scorecard.claims import UNTESTABLE, measured, tally
from .benchmarks import time_by_stage


def summary(results: Path) -> str:
    """Verdicts, run times and paths of every variant below ``results`` that is complete."""
    lines = []
    for explorer in sorted(results.glob("*/explorer.html")):
        variant = explorer.parent
        rows = tables.read(variant / "tables" / "claims.parquet", "claims").to_dict("records")
        lines += ["", f"{variant}: {tally([row['verdict'] for row in rows])}"]
        lines += [_line({str(name): value for name, value in row.items()}) for row in rows]
        run_times = time_by_stage(variant)
        lines += ["", "  run times", run_times] if run_times else []
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
    """``2a  holds  statement: 0.28 (at least 0.2)``; with the reason if it could not be tested."""
    verdict = re.sub(" at this scale", "", row["verdict"])
    value = measured(row["value"], row["standard_error"])
    numbers = f"{value} ({row['comparison']} {row['threshold']:.3g})"
    unclear = row["verdict"] == UNTESTABLE
    remark = ", ".join(([numbers] if row["value"] is not None else []) + [row["reason"]] * unclear)
    return f"  {row['claim']:>2}{row['part']}  {verdict:<14} {row['statement']}: {remark}"
