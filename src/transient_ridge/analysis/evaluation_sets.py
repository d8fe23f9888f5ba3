"""Evaluation sets, predictions of the idealised predictors on them, and means over sequences.

The sets are *in distribution* (q_M), *out of distribution* (q_inf) and *root task* (q_1, the D(1) on which the joint
PCA compares functions). Each has its own named random stream, so all runs of a preset share inputs and noise.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..artefacts.tables import Rows
from ..config.registries import PREDICTORS, Choice, name_of
from ..config.runs import ROOT_TASK, TaskDiversity
from ..config.settings import DataSettings, EvaluationSettings
from ..regression.sequences import Sequences, SequenceSource, task_set
from .datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION, ROOT


def evaluation_sets(
    root_seed: int, data: DataSettings, sizes: EvaluationSettings, task_diversity: TaskDiversity
) -> dict[str, Sequences]:
    """The evaluation sets of a run of ``task_diversity``, by name."""
    diversities = {
        IN_DISTRIBUTION: (task_diversity, sizes.sequences),
        OUT_OF_DISTRIBUTION: (math.inf, sizes.sequences),
        ROOT: (ROOT_TASK, sizes.root_task_sequences),
    }
    return {
        name: SequenceSource(root_seed, data, M).draw(count, "evaluation", name)
        for name, (M, count) in diversities.items()
    }


def idealised_predictions(
    root_seed: int,
    data: DataSettings,
    predictors: tuple[Choice, ...],
    task_diversity: TaskDiversity,
    sequences: Sequences,
) -> dict[str, Tensor]:
    """Predictions (B, K) of every predictor at this M, by name."""
    tasks = task_set(root_seed, data, task_diversity)
    if tasks is not None:
        tasks = tasks.to(sequences.x.device)
    return {
        name_of(choice): PREDICTORS.function(choice, "predict")(
            sequences.x, sequences.y, tasks, data.noise_variance
        )
        for choice in predictors
    }


@dataclass(frozen=True)
class TokenMeans:
    """Means with standard errors, for each position and for the average over positions."""

    token: list[int | None]
    mean: list[float]
    standard_error: list[float]

    @classmethod
    def of(cls, squares: Tensor) -> "TokenMeans":
        """The means of squared differences (B, K) of any float dtype, with standard errors over the B sequences."""
        values = squares.double()
        values = torch.cat((values, values.mean(dim=1, keepdim=True)), dim=1)
        error = values.std(dim=0) / math.sqrt(len(values))
        K = squares.shape[1]
        return cls([*range(1, K + 1), None], values.mean(dim=0).tolist(), error.tolist())


def add_means(rows: Rows, value: str, means: TokenMeans, **row: Any) -> None:
    """Add a row per position and one for the average; ``value`` names the column of the mean."""
    for token, mean, error in zip(means.token, means.mean, means.standard_error, strict=True):
        rows.add(**row, token=token, **{value: mean}, standard_error=error)
