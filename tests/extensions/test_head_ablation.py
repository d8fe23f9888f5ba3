"""Ablation of heads, against attention written out by hand without the head."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.conftest import DATA, MODEL, settings_for
from transient_ridge.analysis.evaluation_sets import evaluation_sets
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import EvaluationSettings, ModelSettings, TrainedBy
from transient_ridge.errors import CheckpointError
from transient_ridge.extensions.sparse.head_ablation import ablate_heads, without_head
from transient_ridge.model.transformer import Transformer, initialise
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

CPU = torch.device("cpu")
HEADS = 4
SETTINGS = MODEL.changed(layers=2, d_model=8, d_mlp=16, heads=HEADS)


@pytest.fixture
def model():
    made = Transformer(DATA.dimension, SETTINGS).eval()
    initialise(made, 0, 0)
    return made


@pytest.fixture
def sequences():
    return evaluation_sets(
        0,
        DATA,
        EvaluationSettings(
            sequences=20, root_task_sequences=5, predictors=("ridge", "dmmse"), weights="auto"
        ),
        4,
    )["in_distribution"]


def by_hand(attention, h, skipped):
    """Causal attention (B, T, d), one head after another, without ``skipped``."""
    d, width = h.shape[-1], h.shape[-1] // HEADS
    q, k, v = (h @ attention.qkv.weight.T).split(d, dim=-1)
    mixed = torch.zeros_like(h)
    for head in range(HEADS):
        own = slice(head * width, (head + 1) * width)
        scores = q[..., own] @ k[..., own].mT / math.sqrt(width)
        scores = scores + torch.full(scores.shape[-2:], -math.inf).triu(1)
        if head != skipped:
            mixed[..., own] = scores.softmax(-1) @ v[..., own]
    return F.linear(mixed, attention.projection.weight)


@pytest.mark.parametrize("skipped", range(HEADS))
def test_the_output_of_the_head_is_left_out(model, skipped):
    attention = model.blocks[1].attention
    h = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), without_head(model, HEADS, 1, skipped):
        found = attention(h, torch.full((5, 5), -torch.inf).triu(1), 1)
        torch.testing.assert_close(found, by_hand(attention, h, skipped), rtol=1e-5, atol=1e-6)


def test_the_model_is_the_same_afterwards(model, sequences):
    before = model(*sequences)
    with without_head(model, HEADS, 0, 2):
        assert not torch.equal(model(*sequences), before)
    assert torch.equal(model(*sequences), before)


@pytest.fixture
def trained(tiny, smoke, tmp_path):
    targets = {
        "weights": tmp_path / "weights",
        "manifest": tmp_path / "manifest.json",
        "training": tmp_path / "training.parquet",
    }
    train(
        Run(4, 0),
        TrainedBy.of(tiny),
        targets,
        scratch=tmp_path / "scratch",
        device=CPU,
        state_seconds=1e9,
    )
    return tmp_path, smoke


def ablated(folder, settings):
    files = (folder / "manifest.json", folder / "weights")
    rows = ablate_heads(*files, Run(4, 0), device=CPU, **settings_for(ablate_heads, settings))
    return rows.frame()


def test_every_head_of_the_last_checkpoint_on_both_sets(trained):
    folder, settings = trained
    found = ablated(folder, settings)
    shape = ModelSettings.of(settings["model"])
    assert len(found) == 2 * shape.layers * shape.heads
    assert set(found["step"]) == {60}
    kept = Checkpoints(folder / "manifest.json", folder / "weights", TrainedBy.of(settings))
    model = kept.model(60)
    sets = evaluation_sets(0, DATA, EvaluationSettings.of(settings["evaluation"]), 4)
    for row in found.to_dict("records"):
        x, y = sets[row["dataset"]]
        with torch.no_grad():
            intact = (model(x, y) - y).double().square().mean(dim=1).numpy()
            with without_head(model, shape.heads, row["layer"], row["head"]):
                without = (model(x, y) - y).double().square().mean(dim=1).numpy()
        root = math.sqrt(len(y))
        assert row["loss"] == pytest.approx(without.mean(), rel=1e-5)
        assert row["standard_error"] == pytest.approx(without.std(ddof=1) / root, rel=1e-5)
        assert row["increase"] == pytest.approx((without - intact).mean(), rel=1e-3, abs=1e-7)
        error = (without - intact).std(ddof=1) / root
        assert row["increase_standard_error"] == pytest.approx(error, rel=1e-3)
    assert np.isfinite(found["increase"]).all()


def test_checkpoints_of_other_settings_are_refused(trained):
    folder, settings = trained
    settings["data"]["noise_variance"] = 1.0
    with pytest.raises(CheckpointError, match=r"data\.noise_variance"):
        ablated(folder, settings)
