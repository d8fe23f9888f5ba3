"""Runs and their names: ``M16-seed0`` is task diversity 16 trained from seed 0."""

import math
import re
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError

#: Number of training tasks M; ``math.inf`` means a fresh task from N(0, I_D) for every sequence.
TaskDiversity = int | float

#: Only the root task t_1.
ROOT_TASK: TaskDiversity = 1

#: What Snakemake's wildcard ``run`` may be.
RUN_PATTERN = r"M(?:inf|[1-9]\d*)-seed\d+"


class Run(NamedTuple):
    """One training run."""

    task_diversity: TaskDiversity
    seed: int

    @property
    def name(self) -> str:
        """The run's name in paths."""
        return f"M{format_task_diversity(self.task_diversity)}-seed{self.seed}"

    @classmethod
    def parse(cls, name: str) -> "Run":
        """The run called ``name``; raises ConfigError if that names none."""
        if not re.fullmatch(RUN_PATTERN, name):
            raise ConfigError(f"run '{name}': expected a name such as M16-seed0 or Minf-seed2")
        task_diversity, seed = name[1:].split("-seed")
        return cls(parse_task_diversity(task_diversity), int(seed))


def run_files(folder: Path | str) -> dict[str, Path]:
    """The artefacts of training in a run's folder, as the rule `train` names and places them."""
    folder = Path(folder)
    return {
        "weights": folder / "checkpoints",
        "manifest": folder / "checkpoints.json",
        "training": folder / "training.parquet",
    }


def format_task_diversity(task_diversity: TaskDiversity) -> str:
    """``16`` or ``inf``."""
    return "inf" if math.isinf(task_diversity) else str(int(task_diversity))


def parse_task_diversity(text: str | float) -> TaskDiversity:
    """Inverse of :func:`format_task_diversity`; numbers pass through."""
    return math.inf if math.isinf(float(text)) else int(text)
