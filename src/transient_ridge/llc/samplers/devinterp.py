"""The reference: one optimiser ``devinterp.optim.SGMCMC`` (2.0.1) moves each chain.

A thin adapter: our target computes the gradients, devinterp takes the steps. Its optimisers change their own weights
and draw their own noise, so only one step can be taken from each state.
"""

import warnings
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...config.registries import PRECONDITIONERS
from ...config.sampling import sampler_contradictions
from ...errors import ConfigError
from ..dynamics import Dynamics
from ..target import Noise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import devinterp.optim  # noqa: F401 - preconditioners import it again, silently

MALA = True
REQUIRES = {"annealing": 0}
PRECONDITIONER = "devinterp"
RESPONDS_AS = "sgld"


class State(NamedTuple):
    """Positions of the chains, and what moves them."""

    positions: Tensor  # (C, P)
    weights: list[nn.Parameter]  # (P,), one per chain
    optimisers: list[Any]
    generators: list[torch.Generator]  # of their noise


def init(positions: Tensor, dynamics: Dynamics, noise: Noise) -> State:
    """One optimiser per chain, localised around its start in ``positions``.

    Raises ConfigError where the settings have no counterpart in devinterp.
    """
    settings = dynamics.settings
    for fault in sampler_contradictions(vars(settings)):
        raise ConfigError(fault)
    make = PRECONDITIONERS.function(settings.preconditioner, PRECONDITIONER)
    shared = {"lr": settings.epsilon, "nbeta": dynamics.n_beta, "localization": dynamics.gamma}
    weights = [nn.Parameter(position.clone()) for position in positions]
    optimisers = [
        make([{"params": [each], "mask": dynamics.metric.mask}], shared, dynamics.metric)
        for each in weights
    ]
    # Seeded by the chain's own noise, so that every chain has its own stream.
    seeds = noise()[:, 0].double().cpu().view(torch.int64).tolist()
    generators = [torch.Generator(positions.device).manual_seed(seed) for seed in seeds]
    return State(positions, weights, optimisers, generators)


def step(state: State, gradient: Tensor, eta: Tensor, dynamics: Dynamics) -> State:
    """One step of every optimiser, which draws its own noise instead of using ``eta``."""
    for weights, of_one, optimiser, generator in zip(
        state.weights, gradient, state.optimisers, state.generators, strict=True
    ):
        weights.grad = of_one
        optimiser.step(noise_generator=generator)
    return state._replace(positions=torch.stack([each.detach() for each in state.weights]))
