"""The loss by feature of the query x_k over training, for an input law that has features (after arXiv 2310.05249).

Such a law offers ``feature(x)``, the number of each x. For any other law the rule asks for no rows.
"""

from pathlib import Path

import torch
from torch import Tensor

from ...analysis.evaluation_sets import evaluation_sets, idealised_predictions
from ...artefacts.tables import Rows
from ...config.registries import INPUT_LAWS
from ...config.runs import Run
from ...config.settings import EvaluationSettings, TrainedBy
from ...model.functional import predict
from ...stage import stage
from ...training.trained_run import TrainedRun

RIDGE = "ridge"


@stage("feature_losses")
def evaluate_features(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    evaluation: EvaluationSettings,
    device: torch.device,
) -> Rows:
    """Measure every checkpoint of ``run`` on the pairs of each feature, and ridge on the same pairs.

    There are no rows for a feature that a set lacks. Raises CheckpointError if a checkpoint is missing, damaged or made
    with other settings.
    """
    trained = TrainedRun(manifest, weights, trained_by, evaluation, device)
    data, sizes = trained.data, trained.sizes
    feature = INPUT_LAWS.function(data.inputs, "feature")
    sets = evaluation_sets(trained.root_seed, data, sizes, run.task_diversity)
    rows = Rows("feature_losses")
    # By set rather than by step, so that what does not depend on the weights is computed once.
    for name, drawn in sets.items():
        x, y = sequences = drawn.to(device)
        ideal = idealised_predictions(
            trained.root_seed, data, (RIDGE,), run.task_diversity, sequences
        )
        features = feature(x)
        at = {number: features == number for number in torch.unique(features).tolist()}
        of_ridge = (ideal[RIDGE] - y).square()
        for step in trained.steps:
            squares = (predict(trained.at(step), x, y) - y).square()
            for number, chosen in at.items():
                loss, error = mean_where(squares, chosen)
                rows.add(
                    task_diversity=run.task_diversity, seed=run.seed, step=step, dataset=name,
                    feature=number + 1, share=float(chosen.double().mean()),
                    ridge=mean_where(of_ridge, chosen)[0], loss=loss, standard_error=error,
                )  # fmt: skip
    return rows


def mean_where(squares: Tensor, chosen: Tensor) -> tuple[float, float]:
    """Mean of ``squares`` (B, K) over the ``chosen`` pairs, and its standard error over the B sequences.

    The mean is a ratio of two sums over sequences; the error is that of its linearisation, because pairs of a sequence
    are not independent.
    """
    weights = chosen.double()
    count = weights.sum()
    mean = (squares.double() * weights).sum() / count
    parts = ((squares.double() - mean) * weights).sum(dim=1)
    B = len(parts)
    return float(mean), float(parts.square().sum().mul(B / (B - 1)).sqrt() / count)
