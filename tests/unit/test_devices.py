"""Devices are not mixed: torch's meta device, which knows only shapes, refuses tensors of the CPU as a GPU would.

Where a number is read back from it, any number will do.
"""

import math

import pytest
import torch

from benchmarks.gpu_run.chains import run_chains
from transient_ridge.analysis.evaluation_sets import (
    TokenMeans,
    evaluation_sets,
    idealised_predictions,
)
from transient_ridge.config import configuration
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import EvaluationSettings, LlcSettings
from transient_ridge.llc.curvature.gram import gram_matrix
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.llc.response import Response
from transient_ridge.model.functional import Layout, predict
from transient_ridge.model.transformer import Transformer
from transient_ridge.regression.sequences import SequenceSource

META = torch.device("meta")
RUNS = [Run(4, 0), Run(math.inf, 0)]


@pytest.fixture(autouse=True)
def readable(monkeypatch):
    """Let numbers be read back from the meta device."""

    numbers = torch.Generator().manual_seed(0)

    def read(name, made):
        method = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor,
            name,
            lambda self, *given: made(self) if self.is_meta else method(self, *given),
        )

    read(
        "cpu",
        lambda self: torch.rand(self.shape, dtype=torch.float64, generator=numbers).to(self.dtype),
    )
    read("__bool__", lambda self: True)
    read("__float__", lambda self: 1.0)
    read("tolist", lambda self: self.cpu().tolist())
    read("nonzero", lambda self: torch.zeros(0, max(1, self.ndim), dtype=torch.int64))


class Untrained:
    """Checkpoints of a model on the meta device."""

    def __init__(self, trained_by):
        self.model = Transformer(trained_by.data.dimension, trained_by.model).to(META)

    def load(self, step, device, weights="auto"):
        assert device == META
        return {name: each.detach() for name, each in self.model.named_parameters()}


@pytest.mark.parametrize("sampler", ["sgld", "leimkuhler_matthews", "underdamped"])
def test_chains_and_their_prediction_by_the_quadratic(smoke, monkeypatch, sampler):
    monkeypatch.setattr(Response, "stable", lambda self: torch.ones(1, dtype=torch.bool))
    # The meta device has no generators.
    monkeypatch.setattr(
        CheckpointPosterior, "noise",
        lambda self, part=0: lambda: torch.empty_like(self.centre.expand(self.chains, -1)),
    )  # fmt: skip
    trained_by = configuration.trained_by(smoke)
    llc = LlcSettings.of({**smoke["llc"], "sampler": sampler})
    estimator = Estimator(RUNS[0], trained_by, llc, Untrained(trained_by), META)
    found = run_chains(estimator, estimator.posterior(0), "all")
    assert not any(each.is_meta for each in found.values())


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_evaluation_and_curvature(smoke, run):
    trained_by = configuration.trained_by(smoke)
    model = Untrained(trained_by).model
    sizes = EvaluationSettings.of(smoke["evaluation"])
    for sequences in evaluation_sets(0, trained_by.data, sizes, run.task_diversity).values():
        on_device = sequences.to(META)
        ideal = idealised_predictions(
            0, trained_by.data, sizes.predictors, run.task_diversity, on_device
        )
        for prediction in (predict(model, *on_device), *ideal.values()):
            assert len(TokenMeans.of((prediction - on_device.y).square()).mean) == 1 + 3
    layout = Layout.of(dict(model.named_parameters()))
    source = SequenceSource(0, trained_by.data, run.task_diversity)
    some = source.draw(smoke["spectrum"]["sequences"], "llc").to(META)
    weights = torch.empty(layout.size, device=META)
    assert gram_matrix(model, layout, weights, some).device == META
