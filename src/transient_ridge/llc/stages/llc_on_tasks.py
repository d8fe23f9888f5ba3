"""lambda(u) of internal model selection: the LLC of the ridge-like solution, the M = infinity run, on a run's tasks.

There its weights are no minimum, so the slope at w* is taken out of the loss (:mod:`..level`).
"""

import math
from pathlib import Path

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import LlcSettings, TrainedBy
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..estimator import Estimator


@stage("llc_on_tasks")
def estimate_on_tasks(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    llc: LlcSettings,
    device: torch.device,
) -> Rows:
    """Estimate the LLC of the M = infinity run's last checkpoint, with data of ``run``.

    ``manifest`` and ``weights`` are those of the M = infinity run with the same seed. Raises CheckpointError if the
    checkpoint cannot be read, UnhealthyChainError as :meth:`Estimator.rows` does.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    ridge_like = Run(math.inf, run.seed)
    estimator = Estimator(ridge_like, trained_by, llc, kept, device)
    step = kept.steps[-1]
    found, _ = estimator.rows(estimator.posterior(step, run), step, "all")
    rows = Rows("llc_on_tasks")
    rows.add(**{**found[0], "task_diversity": run.task_diversity})
    return rows
