"""l(u) of internal model selection: the loss on q_M, for every M, of the ridge-like solution, the M = infinity run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.settings import DataSettings, EvaluationSettings, GridSettings, ModelSettings
from ..model.functional import predict
from ..model.transformer import Transformer
from ..stage import stage
from ..training.checkpoints import Checkpoints
from .datasets import IN_DISTRIBUTION
from .evaluation_sets import TokenMeans, add_means, evaluation_sets


@stage("ridge_on_tasks")
def evaluate_on_tasks(
    manifest: Path,
    weights: Path,
    run: Run,
    settings: Mapping[str, Any],
    device: torch.device,
) -> Rows:
    """The loss of the last checkpoint of ``run`` on the in-distribution set of every M of the grid.

    These are the sets on which the run of that M is measured, so that the two losses are compared on the same
    sequences. Raises CheckpointError if the checkpoint is missing, damaged or made with other settings.
    """
    data, sizes = DataSettings.of(settings["data"]), EvaluationSettings.of(settings["evaluation"])
    kept = Checkpoints(manifest, weights, settings)
    model = Transformer(data.dimension, ModelSettings.of(settings["model"])).to(device).eval()
    step = kept.steps[-1]
    model.load_state_dict(kept.load(step, device, sizes.weights))
    rows = Rows("ridge_on_tasks")
    for M in GridSettings.of(settings["grid"]).task_diversities:
        sets = evaluation_sets(settings["seed"], data, sizes, M)
        sequences = sets[IN_DISTRIBUTION].to(device)
        means = TokenMeans.of((predict(model, *sequences) - sequences.y).square())
        add_means(rows, "loss", means, task_diversity=M, seed=run.seed, step=step)
    return rows
