"""Run times of a variant by stage, from Snakemake's benchmark files."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd


def time_by_stage(folder: Path, files: Iterable[Path]) -> str:
    """Text table of the stages, from ``files`` of Snakemake's below ``folder``; "" if there are none.

    Columns: jobs, sums of wall and CPU time in seconds, share of the wall time, memory of the largest job in MB.
    Snakemake measures only the last attempt of a job, and no memory of very short jobs.
    """
    last = {path: pd.read_csv(path, sep="\t", na_values="-").iloc[-1] for path in files}
    if not last:
        return ""
    measured = pd.DataFrame(last).T.astype({"s": float, "cpu_time": float, "max_rss": float})
    stages = [path.relative_to(folder).parts[0].removesuffix(".tsv") for path in last]
    found = measured.groupby(stages).agg(
        jobs=("s", "size"), wall=("s", "sum"), cpu=("cpu_time", "sum"), mb=("max_rss", "max")
    )
    found = found.sort_values("wall", ascending=False)
    found.insert(3, "share", found["wall"] / found["wall"].sum())
    found.loc["all"] = found.sum()
    found.at["all", "mb"] = found["mb"].iloc[:-1].max()
    return found.to_string(
        header=["jobs", "wall s", "CPU s", "share", "MB"],
        formatters=[
            "{:.0f}".format,
            "{:.1f}".format,
            "{:.1f}".format,
            "{:.0%}".format,
            "{:.0f}".format,
        ],
        na_rep="-",
    )
