"""The contract of every registered sampler, and a sampler added as a file."""

import numpy as np
import pytest
import torch

from tests.potentials import Potential, centre, noise, quadratic_expectation, settings
from transient_ridge.config.registries import SAMPLERS, name_of
from transient_ridge.llc import samplers
from transient_ridge.llc.chains import sample
from transient_ridge.llc.curvature.metric import Metric
from transient_ridge.llc.dynamics import Dynamics
from transient_ridge.llc.estimate import ChainMean, estimate

CURVATURES = np.array([3.0, 1.0, 0.3, 0.1])
N_BETA, GAMMA = 100.0, 5.0

SGHMC = '''
"""Stochastic gradient Hamiltonian Monte Carlo (Chen, Fox and Guestrin 2014), in the metric G."""

import math
from typing import NamedTuple

from torch import Tensor

from transient_ridge.llc.dynamics import Dynamics
from transient_ridge.llc.target import Noise

MALA = False


class State(NamedTuple):
    positions: Tensor
    velocities: Tensor


def init(positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
    return State(positions, dynamics.metric.root(noise()))


def step(state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
    length = math.sqrt(dynamics.settings.epsilon)
    kick = dynamics.metric.apply(dynamics.drift(state.positions, gradient))
    friction = 2 * length
    velocities = (1 - friction) * state.velocities - length * kick
    velocities = velocities + math.sqrt(2 * friction) * dynamics.metric.root(eta)
    return State(state.positions + length * velocities, velocities)
'''


def quadratic() -> Potential:
    a = torch.from_numpy(CURVATURES)
    return Potential(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(len(CURVATURES)))


def test_a_sampler_is_one_file(monkeypatch, tmp_path):
    """A sampler is added by one file and chosen by name; nothing else changes."""
    path = tmp_path / "sghmc.py"
    path.write_text(SGHMC)
    monkeypatch.setattr(samplers, "__path__", [*samplers.__path__, str(tmp_path)])
    monkeypatch.setattr(SAMPLERS, "paths", {**SAMPLERS.paths, "sghmc": path})
    monkeypatch.setattr(SAMPLERS, "names", [*SAMPLERS.names, "sghmc"])
    monkeypatch.setattr(SAMPLERS, "module", lambda choice: f"llc.samplers.{name_of(choice)}")
    hyper = settings(
        sampler="sghmc", preconditioner="diagonal", gamma=GAMMA, epsilon=0.01, chains=16, burn_in=200, draws=1000
    )  # fmt: skip
    traces = sample(quadratic(), hyper, N_BETA, noise(4, 16))
    found = ChainMean.of(N_BETA * traces.losses[:, 200:, 0].numpy())
    exact = quadratic_expectation(CURVATURES, N_BETA, GAMMA, 0.0)
    assert found.standard_error < 0.03 * exact
    assert abs(found.mean - exact) < 3 * found.standard_error


@pytest.mark.parametrize("name", SAMPLERS.names)
def test_every_sampler_finds_the_law(name):
    """At a small step, 1/2 sum h / (h + r) within three errors, which exceed the discretisation error."""
    hyper = settings(
        sampler=name, preconditioner="diagonal", gamma=GAMMA, epsilon=0.05, chains=16, burn_in=200, draws=2500
    )  # fmt: skip
    traces = sample(quadratic(), hyper, N_BETA, noise(4, 16))
    found = estimate(traces, N_BETA, hyper, centre(4))[0]
    exact = quadratic_expectation(CURVATURES, N_BETA, GAMMA, 0.0)
    assert found.standard_error < 0.04 * exact
    assert abs(found.llc - exact) < 3 * found.standard_error


@pytest.mark.parametrize("name", [name for name in SAMPLERS.names if name != "devinterp"])
def test_a_step_changes_none_of_its_arguments(name):
    """Two steps from one state agree, and leave state, gradient and noise unchanged."""
    target, sampler = quadratic(), SAMPLERS.load(name)
    hyper = settings(sampler=name, epsilon=0.1, gamma=GAMMA, chains=3)
    dynamics = Dynamics(
        target.centre, hyper, N_BETA, GAMMA, Metric(torch.full((1, 4), 0.02).double())
    )
    source = torch.Generator().manual_seed(0)
    gradient, eta = torch.randn(2, 3, 4, generator=source, dtype=torch.float64)
    first = sampler.init(torch.zeros(3, 4).double(), dynamics, noise(4, 3))
    state = sampler.step(first, gradient, eta, dynamics)
    before = [part.clone() for part in (*state, gradient, eta)]
    one, other = (sampler.step(state, gradient, eta, dynamics) for _ in range(2))
    for a, b in zip(one, other, strict=True):
        assert torch.equal(a, b)
    for now, then in zip((*state, gradient, eta), before, strict=True):
        assert torch.equal(now, then)
    assert not torch.equal(one.positions, state.positions)
