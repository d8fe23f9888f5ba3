"""Losses, distances and outputs of the idealised predictors on the evaluation sets."""

import itertools
import math
from typing import Annotated, Any

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
    """Measure every predictor for every M of the grid: losses, pairwise distances, outputs on D(1).

    A predictor that does not depend on the task set has one row of outputs, at M = inf.
    """
    losses, distances = Rows("idealised_losses"), Rows("idealised_distances")
    outputs = Rows("idealised_outputs")
    of_task_set = {
        name_of(choice): bool(PREDICTORS.constant(choice, "OF_TASK_SET"))
        for choice in evaluation.predictors
    }

    def predictions(M: float, name: str) -> dict[str, Any]:
        sequences = evaluation_sets(seed, data, evaluation, M)[name]
        return idealised_predictions(seed, data, evaluation.predictors, M, sequences)

    for M in task_diversities:
        for name, sequences in evaluation_sets(seed, data, evaluation, M).items():
            found = idealised_predictions(seed, data, evaluation.predictors, M, sequences)
            key = {"task_diversity": M, "dataset": name}
            for predictor, prediction in found.items():
                means = TokenMeans.of((prediction - sequences.y).square())
                add_means(losses, "loss", means, **key, predictor=predictor)
            for other, predictor in itertools.combinations(found, 2):
                means = TokenMeans.of((found[predictor] - found[other]).square())
                add_means(distances, "distance", means, **key, predictor=predictor, other=other)
            for predictor, prediction in found.items():
                if name == ROOT and of_task_set[predictor] and not math.isinf(M):
                    row = {"task_diversity": M, "predictor": predictor}
                    outputs.add(**row, outputs=prediction.flatten().numpy())
    for predictor, prediction in predictions(math.inf, ROOT).items():
        if not of_task_set[predictor]:
            row = {"task_diversity": math.inf, "predictor": predictor}
            outputs.add(**row, outputs=prediction.flatten().numpy())
    return losses, distances, outputs
