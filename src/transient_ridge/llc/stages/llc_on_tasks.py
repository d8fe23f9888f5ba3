"""lambda(u) of internal model selection: the LLC of the ridge-like solution, the M = infinity run, on a run's tasks."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator


@stage("llc_on_tasks")
def estimate_on_tasks(
    manifest: Path,
    weights: Path,
    run: Run,
    settings: Mapping[str, Any],
    device: torch.device,
) -> Rows:
    """The LLC, with data of ``run``, of the M = infinity run's last checkpoint.

    ``manifest`` and ``weights`` are those of the M = infinity run of the same seed. Raises CheckpointError if the
    checkpoint cannot be read, UnhealthyChainError as :meth:`Estimator.rows` says.
    """
    kept = Checkpoints(manifest, weights, settings)
    ridge_like = Run(math.inf, run.seed)
    estimator = Estimator(ridge_like, settings, kept, device)
    step = kept.steps[-1]
    found, _ = estimator.rows(estimator.posterior(step, run), step, "all")
    rows = Rows("llc_on_tasks")
    rows.add(**{**found[0], "task_diversity": run.task_diversity})
    return rows
