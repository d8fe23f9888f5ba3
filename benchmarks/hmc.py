"""Hamiltonian Monte Carlo around a checkpoint, on the whole loss.

In the coordinates u of w = w* + R u, where R R^T = G is the Kronecker metric, the posterior is nearly standard normal.
Between two kicks by the rest of the force, a step follows that normal distribution exactly, by rotating (u, p)
(split HMC, Shahbaba et al. 2014), so that the flat directions, which are nearly all, cost no acceptance. Kicks are
deterministic, so the Metropolis test keeps the chains exact in any precision: forces are float32, energies float64.
"""

import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.llc.preconditioners import kronecker
from transient_ridge.model.functional import errors_and_gradient, squared_errors

#: The first step, an angle in a direction of curvature 1, and the acceptance to which the burn-in tunes it.
STEP, ACCEPTANCE = 0.25, 0.8
#: The range of a trajectory's angle: after a quarter of a turn, 1.6, positions are independent.
ANGLES = (0.8, 2.2)
#: Sequences whose gradient is computed at once.
PART = 256


class Hmc:
    """A local posterior in the coordinates u."""

    def __init__(self, posterior: CheckpointPosterior, n_beta: float, gamma: float) -> None:
        self.posterior, self.n_beta, self.gamma = posterior, n_beta, gamma
        centre = self.posterior.centre
        measured = kronecker.measure(self.posterior, centre[None])
        self.metric = kronecker.make(measured, self.n_beta, self.gamma).metric(centre[None])
        self.centre = centre.double()
        self.of_centre = self.loss(self.centre)

    def energy(self, u: Tensor) -> tuple[float, float]:
        """U at ``u`` (P,), and n beta (l - l(w*)), which is part of it."""
        w = self._position(u)
        gained = self.n_beta * (self.loss(w) - self.of_centre)
        return gained + self.gamma / 2 * float((w - self.centre).square().sum()), gained

    def loss(self, w: Tensor) -> float:
        """l_n at ``w`` (P,), in float64."""
        x, y = (part.double()[None] for part in self.posterior.sequences)
        model, weights = self.posterior.model.double(), self.posterior.layout.views(w[None])
        with torch.no_grad():
            parts = [
                float(squared_errors(model, weights, *some).sum()) for some in self._parts(x, y)
            ]
        model.float()
        return math.fsum(parts) / y.numel()

    def force(self, u: Tensor) -> Tensor:
        """u - R^T grad U at ``u``, both (P,): the force beyond that of a standard normal distribution."""
        w = self._position(u)
        x, y = (part[None] for part in self.posterior.sequences)
        slope = torch.zeros_like(self.posterior.centre)
        for some in self._parts(x, y):
            _, gradient = errors_and_gradient(
                self.posterior.model, self.posterior.layout, w.float()[None], *some
            )
            slope += gradient[0] * (some[1].shape[1] / y.shape[1])
        drift = self.n_beta * slope + self.gamma * (w - self.centre).float()
        return u - self.metric.root_transposed(drift[None])[0].double()

    def trajectory(
        self, u: Tensor, energy: float, step: float, source: np.random.Generator
    ) -> tuple[Tensor, float, float, float]:
        """From ``u``, whose U is ``energy``: the end, U and n beta (l - l(w*)) there, and the chance to accept it."""
        steps = max(1, round(source.uniform(*ANGLES) / step))
        cos, sin = math.cos(step), math.sin(step)
        p = torch.from_numpy(source.standard_normal(len(u)))
        start = energy + 0.5 * float(p.square().sum())
        p = p + step / 2 * self.force(u)
        for left in reversed(range(steps)):
            u, p = cos * u + sin * p, cos * p - sin * u
            p = p + (step if left else step / 2) * self.force(u)
        energy, gained = self.energy(u)
        change = energy + 0.5 * float(p.square().sum()) - start
        return u, energy, gained, math.exp(min(0.0, -change))

    def _parts(self, *of_all: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """The tensors ``of_all`` (1, n, ...), a few sequences at a time."""
        return zip(*(torch.split(each, PART, dim=1) for each in of_all), strict=True)

    def _position(self, u: Tensor) -> Tensor:
        return self.centre + self.metric.root(u.float()[None])[0].double()


def run(of: Estimator, folder: Path, chains: int, burn_in: int, seconds: float) -> None:
    """Add trajectories of the chains in turn to hmc.csv in ``folder``, up to ``seconds`` of CPU time in all.

    Chains start at draws from the normal distribution of the metric, and resume where an earlier call stopped.
    """
    path, began = folder / "hmc-state.pt", time.process_time()
    hmc = Hmc(of.posterior(of.kept.steps[-1]), of.n_beta(), of.llc.gamma)
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists():
        state: dict[str, Any] = torch.load(path, weights_only=False)
    else:
        source = np.random.default_rng(0)
        starts = [torch.from_numpy(source.standard_normal(len(hmc.centre))) for _ in range(chains)]
        state = {"source": source, "step": STEP, "rows": [], "seconds": 0.0}
        state["at"] = [(u, *hmc.energy(u)) for u in starts]
    rows, source, before = state["rows"], state["source"], state["seconds"]
    while state["seconds"] < seconds:
        number, chain = divmod(len(rows), chains)
        u, energy, _ = state["at"][chain]
        *end, chance = hmc.trajectory(u, energy, state["step"], source)
        if source.uniform() < chance:
            state["at"][chain] = tuple(end)
        if number < burn_in:
            state["step"] *= math.exp(0.5 * (chance - ACCEPTANCE))
        _, energy, gained = state["at"][chain]
        state["seconds"] = before + time.process_time() - began
        row = {"chain": chain, "trajectory": number, "gained": gained, "energy": energy}
        rows.append(
            row | {"acceptance": chance, "step": state["step"], "seconds": state["seconds"]}
        )
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
        pd.DataFrame(rows).to_csv(folder / "hmc.csv", index=False, float_format="%.7g")
