"""Markov chains as regression: family, input law, and the predictors against Bayes' rule, in float64."""

import itertools
import math

import numpy as np
import pytest
import torch

from transient_ridge.config.settings import DataSettings
from transient_ridge.extensions.mixtures.families import uniform
from transient_ridge.extensions.mixtures.inputs.markov import draw
from transient_ridge.extensions.mixtures.markov import probabilities, size_of_x, size_of_y
from transient_ridge.extensions.mixtures.predictors import (
    bigram_retrieval,
    unigram_inference,
    unigram_retrieval,
)
from transient_ridge.regression.predictors import dmmse, ridge, zero
from transient_ridge.regression.sequences import SequenceSource, task_set

K, NOISE = 5, 0.125
A, C = 0.25, 3**0.5 / 4  # x and |y| at this variance of the noise
DATA = DataSettings(
    dimension=2, context_length=K, noise_variance=NOISE, tasks="uniform", inputs="markov"
)
PREDICTORS = (bigram_retrieval, unigram_inference, unigram_retrieval, zero)


# -- tasks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_tasks_have_the_moments_of_the_gaussian(dtype):
    tasks = uniform.sample(np.random.default_rng(0), 100_000, 3, dtype=dtype)
    assert tasks.dtype == dtype
    assert np.abs(tasks).max() <= dtype(3**0.5)
    np.testing.assert_allclose(tasks.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(np.cov(tasks.T), np.eye(3), atol=0.02)
    # Fourth moment of a uniform distribution: 9 / 5.
    np.testing.assert_allclose((tasks**4).mean(axis=0), 1.8, rtol=0.02)


def test_the_first_tasks_do_not_depend_on_how_many_are_drawn():
    few, many = (uniform.sample(np.random.default_rng(0), count, 2) for count in (5, 50))
    np.testing.assert_array_equal(few, many[:5])


# -- sequences -------------------------------------------------------------------------------


def drawn(from_zero, from_one, count=100_000, length=K):
    """Sequences of one chain, float64."""
    chances = np.array([from_zero, from_one])
    tasks = np.tile((12**0.5 * (chances - 0.5)).astype(np.float32), (count, 1))
    np.testing.assert_allclose(probabilities(tasks)[0], chances, atol=1e-7)
    generators = np.random.default_rng(1), np.random.default_rng(2)
    x, y = draw(tasks, length, math.sqrt(NOISE), *generators)
    assert (x.dtype, y.dtype) == (np.float32, np.float32)
    assert (x.shape, y.shape) == ((count, length, 2), (count, length))
    return x.astype(np.float64), y.astype(np.float64)


CHAINS = [(0.2, 0.9), (0.7, 0.7), (0.95, 0.3)]


@pytest.mark.parametrize(("from_zero", "from_one"), CHAINS)
def test_a_chain_has_its_transition_probabilities(from_zero, from_one):
    x, y = drawn(from_zero, from_one)
    assert set(np.unique(x)) == {0.0, A}
    np.testing.assert_allclose(np.unique(y), [-C, C], rtol=1e-6)
    assert (x[:, 0, 1] > 0).mean() == pytest.approx(0.5, abs=0.01)
    np.testing.assert_array_equal(x[:, 1:, 1] > 0, y[:, :-1] > 0)
    for state, chance in enumerate((from_zero, from_one)):
        for n in range(K):
            after = y[x[:, n, state] > 0, n] > 0
            assert after.mean() == pytest.approx(chance, abs=0.015)
    mean = x @ (12**0.5 * (np.array([from_zero, from_one]) - 0.5))
    assert (y - mean).mean() == pytest.approx(0, abs=0.005)


@pytest.mark.parametrize(("from_zero", "from_one"), CHAINS)
def test_a_chain_tends_to_its_stationary_frequency(from_zero, from_one):
    _, y = drawn(from_zero, from_one, length=60)
    tasks = torch.tensor([[from_zero, from_one]], dtype=torch.float64).sub(0.5).mul(12**0.5)
    frequency = float(unigram_retrieval.stationary(tasks))
    stays = frequency * from_one + (1 - frequency) * from_zero
    assert stays == pytest.approx(frequency, rel=1e-12)
    assert (y[:, -1] > 0).mean() == pytest.approx(frequency, abs=0.01)


@pytest.mark.parametrize("variance", [NOISE, 2 / 3])
def test_the_noise_has_its_variance_on_average_over_chains(variance):
    tasks = uniform.sample(np.random.default_rng(0), 400_000, 2, dtype=np.float32)
    generators = np.random.default_rng(1), np.random.default_rng(2)
    x, y = draw(tasks, K, math.sqrt(variance), *generators)
    x, y = (
        x[:, 0],
        y[:, 0],
    )  # later pairs are more often in states where the chain stays, and there the noise is smaller
    mean = (x * tasks).sum(axis=-1)
    assert (y - mean).var() == pytest.approx(variance, rel=0.01)
    assert mean.var() == pytest.approx(size_of_x(variance) ** 2, rel=0.01)
    assert size_of_y(variance) ** 2 == pytest.approx(size_of_x(variance) ** 2 + variance)
    assert abs(((y - mean) * mean).mean()) < 0.01 * variance


def test_the_first_sequences_do_not_depend_on_how_many_are_drawn():
    source = SequenceSource(0, DATA, 4)
    few, many = source.draw(10, "x"), source.draw(100, "x")
    assert torch.equal(few.x, many.x[:10])
    assert torch.equal(few.y, many.y[:10])


# -- predictors ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sequences():
    """Every sequence of K + 1 states as (states, x, y), float64."""
    states = np.array(list(itertools.product((0, 1), repeat=K + 1)))
    x = A * np.eye(2)[states[:, :-1]]
    y = C * (2.0 * states[:, 1:] - 1)
    return states, torch.from_numpy(x), torch.from_numpy(y)


@pytest.fixture(scope="module")
def tasks():
    return task_set(0, DATA, 6).double()


def chances_of(tasks):
    return 0.5 + tasks.numpy() / 12**0.5


def by_transitions(states, chances):
    """Predictions of every y by Bayes' rule, term by term, over equally likely chains (M, 2)."""
    found = np.empty((len(states), K))
    for i, chain in enumerate(states):
        likelihood = np.ones(len(chances))
        for n in range(K):
            chance = likelihood @ chances[:, chain[n]] / likelihood.sum()
            found[i, n] = C * (2 * chance - 1)
            of_one = chances[:, chain[n]]
            likelihood *= of_one if chain[n + 1] else 1 - of_one
    return found


def by_states(states, chances):
    """Predictions if states are independent draws at the stationary frequency of a chain."""
    frequency = chances[:, 0] / (chances[:, 0] + 1 - chances[:, 1])
    found = np.empty((len(states), K))
    for i, chain in enumerate(states):
        likelihood = np.ones(len(chances))
        for n in range(K):
            likelihood *= frequency if chain[n] else 1 - frequency
            found[i, n] = C * (2 * (likelihood @ frequency) / likelihood.sum() - 1)
    return found


def all_chains(count):
    """Mid-points of a grid over [0, 1]^2, (count^2, 2)."""
    axis = (np.arange(count) + 0.5) / count
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


def test_bigram_retrieval_is_the_posterior_mean_over_the_chains(sequences, tasks):
    states, x, y = sequences
    found = bigram_retrieval.predict(x, y, tasks, NOISE).numpy()
    np.testing.assert_allclose(found, by_transitions(states, chances_of(tasks)), atol=1e-12)


def test_ridge_is_bigram_inference(sequences):
    """The posterior mean under uniform transition probabilities: by counts, and by an integral over them."""
    states, x, y = sequences
    found = ridge.predict(x, y, None, NOISE).numpy()
    for i, chain in enumerate(states):
        for n in range(K):
            after = chain[1 : n + 1][chain[:n] == chain[n]]
            chance = (after.sum() + 1) / (len(after) + 2)
            assert found[i, n] == pytest.approx(C * (2 * chance - 1), abs=1e-12)
    some = slice(0, None, 7)
    np.testing.assert_allclose(
        found[some], by_transitions(states[some], all_chains(300)), atol=1e-5
    )


def test_ridge_is_bigram_inference_in_any_unit(sequences):
    _, x, y = sequences
    for variance in (2 / 3, 5.0):
        x_there = x * size_of_x(variance) / A
        there = ridge.predict(x_there, y * size_of_y(variance) / C, None, variance)
        torch.testing.assert_close(
            there / size_of_y(variance), ridge.predict(x, y, None, NOISE) / C
        )


def test_unigram_retrieval_is_the_posterior_mean_over_the_frequencies(sequences, tasks):
    states, x, y = sequences
    found = unigram_retrieval.predict(x, y, tasks, NOISE).numpy()
    np.testing.assert_allclose(found, by_states(states, chances_of(tasks)), atol=1e-12)


def test_unigram_inference_is_the_posterior_mean_under_the_prior(sequences):
    """Compared with the integral over all chains; the predictor uses the density of their frequencies."""
    states, x, y = sequences
    some = slice(0, None, 7)
    found = unigram_inference.predict(x, y, None, NOISE).numpy()
    np.testing.assert_allclose(found[some], by_states(states[some], all_chains(600)), atol=1e-5)


def test_the_rule_of_unigram_inference_is_fine_enough(monkeypatch):
    """More nodes change nothing, even for sequences far longer than ours."""
    length = 300
    states = np.random.default_rng(0).random((20, length)) < np.linspace(0, 1, 20)[:, None]
    x = torch.from_numpy(A * np.eye(2)[states.astype(int)])
    y = torch.full((20, length), C, dtype=torch.float64)
    found = unigram_inference.predict(x, y, None, NOISE)
    unigram_inference._prior.cache_clear()
    monkeypatch.setattr(unigram_inference, "NODES", 1000)
    finer = unigram_inference.predict(x, y, None, NOISE)
    unigram_inference._prior.cache_clear()
    torch.testing.assert_close(found, finer, rtol=1e-9, atol=1e-12)


def test_retrieval_from_all_chains_is_inference(sequences, tasks):
    _, x, y = sequences
    many = torch.from_numpy(12**0.5 * (all_chains(400) - 0.5))
    inference = ridge.predict(x, y, None, NOISE), unigram_inference.predict(x, y, None, NOISE)
    for retrieval, expected in zip((bigram_retrieval, unigram_retrieval), inference, strict=True):
        assert torch.equal(retrieval.predict(x, y, None, NOISE), expected)
        found = retrieval.predict(x, y, many, NOISE)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
        assert not torch.allclose(retrieval.predict(x, y, tasks, NOISE), expected, atol=0.01)


def test_one_chain_is_known_without_context(sequences, tasks):
    _, x, y = sequences
    one = tasks[:1]
    torch.testing.assert_close(bigram_retrieval.predict(x, y, one, NOISE), x @ one[0])
    frequency = unigram_retrieval.stationary(one)
    torch.testing.assert_close(
        unigram_retrieval.predict(x, y, one, NOISE), (C * (2 * frequency - 1)).expand(y.shape)
    )


def test_no_predictor_loses_less_than_bigram_retrieval_on_the_training_chains(tasks):
    """It is the posterior mean, so no predictor does better; dMMSE_M has another likelihood and comes close."""
    x, y = (part.double() for part in SequenceSource(0, DATA, 6).draw(100_000, "losses"))
    loss = {
        module.__name__.split(".")[-1]: float((module.predict(x, y, tasks, NOISE) - y).square().mean())
        for module in (*PREDICTORS, ridge, dmmse)
    }  # fmt: skip
    order = ["bigram_retrieval", "dmmse", "ridge", "unigram_retrieval", "unigram_inference", "zero"]
    assert sorted(loss, key=lambda name: loss[name]) == order


@pytest.mark.parametrize("module", PREDICTORS, ids=lambda module: module.__name__.split(".")[-1])
def test_dtype_blocks_and_shapes(module, sequences, tasks, monkeypatch):
    _, x, y = sequences
    whole = module.predict(x, y, tasks, NOISE)
    single = module.predict(x.float(), y.float(), tasks.float(), NOISE)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), whole, rtol=1e-4, atol=1e-5)
    monkeypatch.setattr(bigram_retrieval, "BLOCK", 20)
    folded = module.predict(x.reshape(2, -1, K, 2), y.reshape(2, -1, K), tasks, NOISE)
    torch.testing.assert_close(folded.reshape(y.shape), whole)
    if module is not zero:
        with pytest.raises(ValueError, match="noise_variance = 0"):
            module.predict(x, y, tasks, 0.0)


def test_chains_that_never_change_stay_finite(sequences):
    _, x, y = sequences
    tasks = 3**0.5 * torch.tensor([[-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]], dtype=torch.float64)
    for module in PREDICTORS:
        assert module.predict(x, y, tasks, NOISE).isfinite().all()
