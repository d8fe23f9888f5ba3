"""lambda(u) at every resolution: the quadratic LLC of the M = infinity run on a run's tasks."""

from pathlib import Path

import torch

from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import LlcTasks, SpectrumSettings, TrainedBy
from ...stage import stage
from ...training.checkpoints import Checkpoints
from ..curvature.at_checkpoint import CurvatureAt


@stage("quadratic_llc_on_tasks")
def measure_on_tasks(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    tasks: LlcTasks,
    spectrum: SpectrumSettings,
    device: torch.device,
) -> Rows:
    """Measure the quadratic LLC by r of the M = infinity run's last checkpoint, with data of ``run``.

    ``manifest`` and ``weights`` are those of the M = infinity run with the same seed. Raises CheckpointError if the
    checkpoint cannot be read.
    """
    kept = Checkpoints(manifest, weights, trained_by)
    at = CurvatureAt(kept, run, trained_by, tasks, spectrum, device)
    step = kept.steps[-1]
    rows = Rows("quadratic_llc_on_tasks")
    for row in at.rows(at.step(step)):
        rows.add(**run._asdict(), step=step, **row)
    return rows
