"""Losses, distances to the idealised predictors, and outputs on D(1) of every checkpoint of a run."""

from pathlib import Path

import torch

from ..artefacts.tables import Rows
from ..config.runs import Run
from ..config.settings import EvaluationSettings, TrainedBy
from ..model.functional import predict
from ..progress import Progress
from ..stage import stage
from ..training.trained_run import TrainedRun
from .datasets import ROOT
from .evaluation_sets import TokenMeans, add_means, evaluation_sets, idealised_predictions


@stage("losses", "distances", "outputs")
def evaluate(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    evaluation: EvaluationSettings,
    device: torch.device,
) -> tuple[Rows, Rows, Rows]:
    """Measure every checkpoint of ``run``: losses, distances to the predictors, outputs on D(1).

    Raises CheckpointError if a checkpoint is missing, damaged or made with other settings.
    """
    trained = TrainedRun(manifest, weights, trained_by, evaluation, device)
    data, sizes = trained.data, trained.sizes
    sets = {
        name: sequences.to(device)
        for name, sequences in evaluation_sets(
            trained.root_seed, data, sizes, run.task_diversity
        ).items()
    }
    idealised = {
        name: idealised_predictions(
            trained.root_seed, data, sizes.predictors, run.task_diversity, sequences
        )
        for name, sequences in sets.items()
        if name != ROOT
    }
    losses, distances, outputs = Rows("losses"), Rows("distances"), Rows("outputs")
    progress = Progress(f"evaluate {run.name}", len(trained.steps))
    for done, step in enumerate(trained.steps, start=1):
        model = trained.at(step)
        key = {"task_diversity": run.task_diversity, "seed": run.seed, "step": step}
        for name, sequences in sets.items():
            prediction = predict(model, sequences.x, sequences.y)
            means = TokenMeans.of((prediction - sequences.y).square())
            add_means(losses, "loss", means, **key, dataset=name)
            for predictor, ideal in idealised.get(name, {}).items():
                means = TokenMeans.of((prediction - ideal).square())
                add_means(distances, "distance", means, **key, dataset=name, predictor=predictor)
            if name == ROOT:
                outputs.add(**key, outputs=prediction.flatten().cpu().numpy())
        progress.update(done)
    progress.close()
    return losses, distances, outputs
