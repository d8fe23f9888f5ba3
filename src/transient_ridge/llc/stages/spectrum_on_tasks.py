"""lambda(u) at every resolution: the quadratic LLC of the M = infinity run on a run's tasks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..curvature.at_checkpoint import SpectrumAt


@stage("quadratic_llc_on_tasks")
def measure_on_tasks(
    manifest: Path, weights: Path, run: Run, settings: Mapping[str, Any], device: torch.device
) -> Rows:
    """The quadratic LLC by r, with data of ``run``, of the M = infinity run's last checkpoint.

    ``manifest`` and ``weights`` are those of the M = infinity run of the same seed. Raises CheckpointError if the
    checkpoint cannot be read.
    """
    kept = Checkpoints(manifest, weights, settings)
    at, step = SpectrumAt(kept, run, settings, device), kept.steps[-1]
    rows = Rows("quadratic_llc_on_tasks")
    for row in at.rows(at.step(step)):
        rows.add(task_diversity=run.task_diversity, seed=run.seed, step=step, **row)
    return rows
