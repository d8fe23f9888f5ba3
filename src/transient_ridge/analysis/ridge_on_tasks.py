"""l(u) of internal model selection: the loss of the ridge-like solution, the M = infinity run, on a run's tasks."""

from pathlib import Path

import torch

from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.settings import EvaluationSettings, TrainedBy
from ..model.functional import predict
from ..stage import stage
from ..training.trained_run import TrainedRun
from .datasets import IN_DISTRIBUTION
from .evaluation_sets import TokenMeans, add_means, evaluation_sets


@stage("ridge_on_tasks")
def evaluate_on_tasks(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    evaluation: EvaluationSettings,
    device: torch.device,
) -> Rows:
    """The loss of the M = infinity run's last checkpoint on the in-distribution set of ``run``.

    ``manifest`` and ``weights`` are those of the M = infinity run with the same seed. ``run`` itself is measured on the
    same sequences. Raises CheckpointError if the checkpoint is missing, damaged or made with other settings.
    """
    trained = TrainedRun(manifest, weights, trained_by, evaluation, device)
    step = trained.steps[-1]
    sets = evaluation_sets(trained.root_seed, trained.data, trained.sizes, run.task_diversity)
    sequences = sets[IN_DISTRIBUTION].to(device)
    means = TokenMeans.of((predict(trained.at(step), *sequences) - sequences.y).square())
    rows = Rows("ridge_on_tasks")
    add_means(rows, "loss", means, task_diversity=run.task_diversity, seed=run.seed, step=step)
    return rows
