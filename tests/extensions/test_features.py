"""The input law `features`, the predictor `recall` on it, and losses by feature."""

import math

import numpy as np
import pytest
import torch

from transient_ridge.config import presets
from transient_ridge.config.settings import DataSettings
from transient_ridge.errors import ConfigError
from transient_ridge.extensions.imbalanced.feature_losses import mean_where
from transient_ridge.extensions.imbalanced.inputs.features import (
    Options,
    draw,
    feature,
    frequencies,
)
from transient_ridge.extensions.imbalanced.predictors.recall import recall
from transient_ridge.regression.predictors.ridge import ridge
from transient_ridge.regression.sequences import SequenceSource

K, D, NOISE, RATIO = 7, 4, 0.125, 0.5
DATA = DataSettings(
    dimension=D, context_length=K, noise_variance=NOISE, tasks="gaussian",
    inputs={"name": "features", "ratio": RATIO},
)  # fmt: skip


def drawn(tasks, ratio=RATIO):
    generators = np.random.default_rng(1), np.random.default_rng(2)
    return draw(tasks, K, math.sqrt(NOISE), *generators, options=Options(ratio=ratio))


def test_frequencies_fall_by_the_ratio():
    np.testing.assert_allclose(
        frequencies(4, options=Options(ratio=0.5)), np.array([8, 4, 2, 1]) / 15, rtol=1e-15
    )
    np.testing.assert_allclose(frequencies(3, options=Options(ratio=1)), 1 / 3, rtol=1e-15)


@pytest.mark.parametrize("ratio", [0.5, 1])
def test_features_are_drawn_independently_at_their_frequencies(ratio):
    count = 50_000
    x, y = drawn(np.zeros((count, D), dtype=np.float32), ratio)
    assert (x.dtype, y.dtype, x.shape, y.shape) == (
        np.float32,
        np.float32,
        (count, K, D),
        (count, K),
    )
    assert set(np.unique(x)) == {0, 1}
    assert (x.sum(axis=-1) == 1).all()
    p = frequencies(D, options=Options(ratio=ratio))
    error = 5 * np.sqrt(p * (1 - p) / count)
    for k in range(K):
        assert (np.abs(x[:, k].mean(axis=0) - p) < error).all()
    both = np.einsum("bi,bj->ij", x[:, 0], x[:, 1]) / count
    np.testing.assert_allclose(both, np.outer(p, p), atol=5 * 0.5 / math.sqrt(count))


def test_y_is_the_tasks_entry_at_the_feature_plus_noise():
    tasks = np.tile(np.array([1.0, -2.0, 0.5, 3.0], dtype=np.float32), (50_000, 1))
    x, y = drawn(tasks)
    noise = y.astype(np.float64) - x @ tasks[0].astype(np.float64)
    assert noise.mean() == pytest.approx(0, abs=0.005)
    assert noise.var() == pytest.approx(NOISE, rel=0.02)
    assert (
        feature(torch.from_numpy(x), options=Options(ratio=RATIO)).numpy() == x.argmax(axis=-1)
    ).all()


def test_the_first_sequences_do_not_depend_on_how_many_are_drawn():
    source = SequenceSource(0, DATA, 4)
    few, many = source.draw(10, "x"), source.draw(100, "x")
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.y, many.y[:10])


def test_the_law_needs_its_ratio():
    with pytest.raises(ConfigError, match=r"data\.inputs\.ratio: missing"):
        presets.load("laptop", data={"inputs": "features"})


# -- recall ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sequences():
    """Sequences of new tasks, float64."""
    found = SequenceSource(0, DATA, math.inf).draw(50, "predicted")
    return found.x.double(), found.y.double()


def test_recall_is_the_mean_of_the_earlier_y_of_the_same_x(sequences):
    x, y = sequences
    expected = torch.zeros_like(y)
    for b in range(len(y)):
        for k in range(K):
            same = [y[b, j] for j in range(k) if torch.equal(x[b, j], x[b, k])]
            expected[b, k] = sum(same) / len(same) if same else 0.0
    torch.testing.assert_close(recall(x, y), expected, rtol=1e-12, atol=1e-12)


def test_ridge_is_recall_shrunk_towards_zero(sequences):
    """By the factor n / (n + sigma^2), with n earlier pairs of the same x: ridge is sum y / (n + sigma^2)."""
    x, y = sequences
    n = (x.cumsum(dim=1) * x).sum(dim=-1) - 1
    torch.testing.assert_close(
        ridge(x, y, NOISE), recall(x, y) * n / (n + NOISE), rtol=1e-9, atol=1e-12
    )
    torch.testing.assert_close(ridge(x, y, 1e-12), recall(x, y), rtol=1e-9, atol=1e-9)


def test_recall_is_zero_if_no_input_recurs():
    x, y = torch.randn(2, 3, K, D, dtype=torch.float64), torch.randn(2, 3, K, dtype=torch.float64)
    assert (recall(x, y) == 0).all()


# -- losses by feature ---------------------------------------------------------------------------


def test_the_mean_over_pairs_and_its_error_over_sequences():
    """Compared with the spread of means over many samples; pairs within a sequence are dependent."""
    source = np.random.default_rng(0)
    of_sequence = source.standard_normal((2000, 100, 1))
    squares = torch.from_numpy((of_sequence + 0.1 * source.standard_normal((2000, 100, 5))) ** 2)
    chosen = torch.from_numpy(source.random((2000, 100, 5)) < 0.3)
    found = np.array([mean_where(*each) for each in zip(squares, chosen, strict=True)])
    assert found[0, 0] == pytest.approx(float(squares[0][chosen[0]].mean()))
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.1)
