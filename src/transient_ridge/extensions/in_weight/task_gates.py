"""The gate on each task over training, for a family whose tasks have unequal frequency (after arXiv 2410.23042).

Such a family offers ``members``, T_M with repeats. For any other family, and for M = infinity, the rule asks for no
rows.
"""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...analysis.evaluation_sets import idealised_predictions
from ...analysis.gates import PAIR, gate_of
from ...artefacts.tables import Rows
from ...config.registries import INPUT_LAWS
from ...config.runs import Run
from ...config.settings import DataSettings, EvaluationSettings, TrainedBy
from ...model.functional import predict
from ...regression.sequences import Sequences, task_set
from ...regression.streams import generator
from ...stage import stage
from ...training.trained_run import TrainedRun


@stage("task_gates")
def evaluate_task_gates(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    evaluation: EvaluationSettings,
    device: torch.device,
) -> Rows:
    """Measure the gate of every checkpoint of ``run`` on the sequences of each task, one gate for all positions.

    dMMSE_M is over the whole of T_M, with its weights. Raises CheckpointError if a checkpoint is missing, damaged or
    made with other settings.
    """
    trained = TrainedRun(manifest, weights, trained_by, evaluation, device)
    data, sizes = trained.data, trained.sizes
    members = task_set(trained.root_seed, data, run.task_diversity)
    assert members is not None
    tasks, shares = by_frequency(members.numpy())
    sequences = of_each(tasks, trained.root_seed, data, sizes).to(device)
    ideal = idealised_predictions(
        trained.root_seed, data, tuple(PAIR), run.task_diversity, sequences
    )
    apart = _distances(ideal["dmmse"], ideal["ridge"], len(tasks))
    rows = Rows("task_gates")
    for step in trained.steps:
        predictions = predict(trained.at(step), *sequences)
        to = {name: _distances(predictions, ideal[name], len(tasks)) for name in PAIR}
        gates, residuals = gate_of(to["ridge"], to["dmmse"], apart)
        for j, share in enumerate(shares):
            rows.add(
                task_diversity=run.task_diversity, seed=run.seed, step=step, task=j + 1, share=share,
                gate=gates[j], residual=residuals[j], apart=apart[j],
            )  # fmt: skip
    return rows


def by_frequency(
    members: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """The distinct tasks in ``members`` (M, D) and their shares, the most frequent first, ties in the order of T_M."""
    tasks, first, counts = np.unique(members, axis=0, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    return tasks[order], counts[order] / len(members)


def of_each(
    tasks: NDArray[np.float32], root_seed: int, data: DataSettings, sizes: EvaluationSettings
) -> Sequences:
    """Equally many sequences of each task, at least two, task by task; all tasks share the inputs and the noise."""
    draw = INPUT_LAWS.function(data.inputs, "draw")
    count = max(2, sizes.sequences // len(tasks))
    deviation = math.sqrt(data.noise_variance)
    parts = []
    for task in tasks:
        inputs, noise = (
            generator(root_seed, "evaluation", "each_task", part) for part in ("inputs", "noise")
        )
        parts.append(draw(np.tile(task, (count, 1)), data.context_length, deviation, inputs, noise))
    x, y = (torch.from_numpy(np.concatenate(each)) for each in zip(*parts, strict=True))
    return Sequences(x, y)


def _distances(one: Tensor, two: Tensor, tasks: int) -> NDArray[np.float64]:
    """Mean squared difference on each of ``tasks`` tasks, of predictions (B, K) that come task by task."""
    squares = (one.double() - two.double()).square()
    return np.asarray(squares.reshape(tasks, -1).mean(dim=1).cpu())
