"""Ablation of heads, after arXiv 2408.04532: what the loss becomes when the output of one head is set to zero."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from ...analysis.datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION
from ...analysis.evaluation_sets import TokenMeans, evaluation_sets
from ...artefacts.tables import Rows
from ...config.runs import Run
from ...config.settings import EvaluationSettings, TrainedBy
from ...model.functional import predict
from ...model.transformer import Transformer
from ...regression.sequences import Sequences
from ...stage import stage
from ...training.trained_run import TrainedRun


@stage("head_ablation")
def ablate_heads(
    manifest: Path,
    weights: Path,
    run: Run,
    trained_by: TrainedBy,
    evaluation: EvaluationSettings,
    device: torch.device,
) -> Rows:
    """Measure the loss of ``run``'s last checkpoint without each of its heads, on its own and on new tasks.

    ``increase`` is paired: both losses are of the same sequences, and its standard error is over their differences.
    Raises CheckpointError if the checkpoint is missing, damaged or made with other settings.
    """
    trained = TrainedRun(manifest, weights, trained_by, evaluation, device)
    shape, step = trained.shape, trained.steps[-1]
    model = trained.at(step)
    sets = evaluation_sets(trained.root_seed, trained.data, trained.sizes, run.task_diversity)
    rows = Rows("head_ablation")
    for dataset in (IN_DISTRIBUTION, OUT_OF_DISTRIBUTION):
        sequences = sets[dataset].to(device)
        intact = _errors(model, sequences)
        for layer in range(shape.layers):
            for head in range(shape.heads):
                with without_head(model, shape.heads, layer, head):
                    errors = _errors(model, sequences)
                loss, increase = TokenMeans.of(errors), TokenMeans.of(errors - intact)
                rows.add(
                    task_diversity=run.task_diversity,
                    seed=run.seed,
                    step=step,
                    dataset=dataset,
                    layer=layer,
                    head=head,
                    loss=loss.mean[-1],
                    standard_error=loss.standard_error[-1],
                    increase=increase.mean[-1],
                    increase_standard_error=increase.standard_error[-1],
                )
    return rows


@contextmanager
def without_head(model: Transformer, heads: int, layer: int, head: int) -> Iterator[None]:
    """Set the output of one head of ``model`` to zero; each layer has ``heads`` heads, and both count from 0.

    The head's rows of V are set to zero, so that the values that its attention mixes are 0.
    """
    qkv = model.get_parameter(f"blocks.{layer}.attention.qkv.weight").detach()
    values = qkv.chunk(3)[2].chunk(heads)[head]
    kept = values.clone()
    values.zero_()
    try:
        yield
    finally:
        values.copy_(kept)


def _errors(model: Transformer, sequences: Sequences) -> Tensor:
    """Squared errors (B, K), float64."""
    return (predict(model, *sequences) - sequences.y).double().square()
