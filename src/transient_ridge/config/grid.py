"""The runs that a configuration asks for. Imports no settings, since jobs need it to know which runs have a table."""

from collections.abc import Mapping
from typing import Any

from .runs import Run, parse_task_diversity

#: A configuration as JSON states it.
Config = Mapping[str, Any]


def runs(config: Config) -> list[Run]:
    """All runs of the grid, task diversities ascending."""
    grid = config["grid"]
    diversities = sorted(parse_task_diversity(M) for M in grid["task_diversities"])
    return [Run(M, seed) for M in diversities for seed in sorted(grid["seeds"])]


def cohorts(config: Config) -> dict[str, list[str]]:
    """Run -> the runs that one job may train together: `compute.stack` consecutive ones of the grid."""
    names, most = [run.name for run in runs(config)], config["compute"]["stack"]
    starts = (i // most * most for i in range(len(names)))
    return {name: names[start : start + most] for name, start in zip(names, starts, strict=True)}
