"""Hamiltonian Monte Carlo, the reference for real checkpoints, on a small model."""

import numpy as np
import pytest
import torch

from benchmarks import untrained
from benchmarks.hmc import Hmc
from transient_ridge.config import presets


@pytest.fixture(scope="module")
def hmc() -> Hmc:
    posterior = untrained.posterior(presets.load("smoke"), torch.device("cpu"), 1)
    return Hmc(posterior, 100.0, 300.0)


def near(hmc: Hmc, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(len(hmc.centre)))


def test_the_force_is_the_slope_of_the_energy(hmc):
    """Along a direction d, the difference quotient of U is u.d - force.d."""
    u, direction = near(hmc, 0), near(hmc, 1)
    small = 1e-3
    up, down = (hmc.energy(u + sign * small * direction)[0] for sign in (1, -1))
    rest = (up - down) / (2 * small) - float(u @ direction)
    assert abs(rest) > 0.1
    assert -float(hmc.force(u) @ direction) == pytest.approx(rest, rel=1e-2)


def test_shorter_steps_keep_the_energy(hmc):
    """A trajectory of many small steps is accepted and moves; the energy is 0 at w*."""
    assert hmc.energy(torch.zeros(len(hmc.centre)).double()) == (0, 0)
    u = near(hmc, 2)
    energy = hmc.energy(u)[0]
    end, there, gained, chance = hmc.trajectory(u, energy, 0.05, np.random.default_rng(0))
    assert chance > 0.95
    assert (end - u).norm() > 0.5 * u.norm()
    assert (there, gained) == hmc.energy(end)
