"""Run times of a variant by stage, from Snakemake's benchmark files."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def time_by_stage(folder: Path, files: Iterable[Path]) -> str:
    """Text table of the stages, from ``files`` of Snakemake's below ``folder``; "" if there are none.

    Columns: jobs, sums of wall and CPU time in seconds, share of the wall time, memory of the largest job in MB.
    Of a job that was interrupted and restarted, Snakemake records only the last attempt.
    """
    rows = []
    for path in files:
        measured = pd.read_csv(path, sep="\t", na_values="-").iloc[-1]
        stage = path.relative_to(folder).parts[0].removesuffix(".tsv")
        rows.append((stage, measured["s"], measured["cpu_time"], measured["max_rss"]))
    if not rows:
        return ""
    columns = ["stage", "wall", "cpu", "memory"]
    by_stage = (
        pd.DataFrame(rows, columns=columns)
        .groupby("stage")
        .agg(
            jobs=("wall", "size"),
            wall=("wall", "sum"),
            cpu=("cpu", "sum"),
            memory=("memory", "max"),
        )
        .sort_values("wall", ascending=False)
    )
    total = by_stage["wall"].sum()
    lines = [f"  {'stage':<16} {'jobs':>5} {'wall s':>9} {'CPU s':>9} {'share':>6} {'MB':>6}"]
    for name, row in by_stage.iterrows():
        # Snakemake does not measure the memory of very short jobs.
        memory = "-" if pd.isna(row["memory"]) else f"{row['memory']:.0f}"
        lines.append(
            f"  {name:<16} {row['jobs']:>5.0f} {row['wall']:>9.1f} {row['cpu']:>9.1f} "
            f"{row['wall'] / total:>6.0%} {memory:>6}"
        )
    lines.append(
        f"  {'all':<16} {by_stage['jobs'].sum():>5.0f} {total:>9.1f} {by_stage['cpu'].sum():>9.1f}"
    )
    return "\n".join(lines)
