"""Losses, distances and outputs of the idealised predictors on the evaluation sets."""

import itertools
import math
from typing import Annotated

from torch import Tensor

from ..artefacts.tables import Rows
from ..config.registries import PREDICTORS, name_of
from ..config.runs import TaskDiversity
from ..config.settings import DataSettings, EvaluationSettings, RootSeed
from ..stage import Setting, stage
from .datasets import ROOT
from .evaluation_sets import TokenMeans, add_means, evaluation_sets, idealised_predictions


@stage("idealised_losses", "idealised_distances", "idealised_outputs")
def evaluate_idealised(
    seed: RootSeed,
    data: DataSettings,
    evaluation: EvaluationSettings,
    task_diversities: Annotated[tuple[TaskDiversity, ...], Setting("grid.task_diversities")],
) -> tuple[Rows, Rows, Rows]:
    """Measure every predictor at every M of the grid: losses, pairwise distances, outputs on D(1).

    A predictor that does not depend on the task set has one row of outputs, at M = inf.
    """
    losses, distances = Rows("idealised_losses"), Rows("idealised_distances")
    outputs = Rows("idealised_outputs")
    of_task_set = {
        name_of(choice): bool(PREDICTORS.constant(choice, "OF_TASK_SET"))
        for choice in evaluation.predictors
    }

    def add_outputs(M: float, predictor: str, prediction: Tensor) -> None:
        flat = prediction.flatten().numpy()
        outputs.add(task_diversity=M, predictor=predictor, outputs=flat)

    for M in task_diversities:
        for name, sequences in evaluation_sets(seed, data, evaluation, M).items():
            found = idealised_predictions(seed, data, evaluation.predictors, M, sequences)
            key = {"task_diversity": M, "dataset": name}
            for predictor, prediction in found.items():
                means = TokenMeans.of((prediction - sequences.y).square())
                add_means(losses, "loss", means, **key, predictor=predictor)
                if name == ROOT and of_task_set[predictor] and not math.isinf(M):
                    add_outputs(M, predictor, prediction)
            for other, predictor in itertools.combinations(found, 2):
                means = TokenMeans.of((found[predictor] - found[other]).square())
                add_means(distances, "distance", means, **key, predictor=predictor, other=other)
    on_root = evaluation_sets(seed, data, evaluation, math.inf)[ROOT]
    found = idealised_predictions(seed, data, evaluation.predictors, math.inf, on_root)
    for predictor, prediction in found.items():
        if not of_task_set[predictor]:
            add_outputs(math.inf, predictor, prediction)
    return losses, distances, outputs
