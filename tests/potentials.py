"""Losses whose local posterior is known, as targets of the sampler."""

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from transient_ridge.config.settings import SgldSettings
from transient_ridge.llc.estimate import Centre
from transient_ridge.llc.target import Curvature, Evaluation, Noise
from transient_ridge.model.functional import Layout


def of_matrix(H: Tensor) -> Curvature:
    """The known curvature H without its negative eigenvalues, and a draw of it."""
    h, U = torch.linalg.eigh(H)
    h = h * (h > 1e-12 * h.abs().max())
    source = torch.Generator().manual_seed(0)
    signs = torch.randint(0, 2, (len(h),), generator=source) * 2.0 - 1
    return Curvature(lambda v: U @ (h * (U.T @ v)), (signs.to(h) * h.sqrt()) @ U.T)


class Potential:
    """A loss (C, P) -> (C,) without data, differentiated by autograd, in float64."""

    def __init__(self, loss: Callable[[Tensor], Tensor], centre: Tensor) -> None:
        self.loss, self.centre = loss, centre.double()
        self.layout = Layout((("w", centre.shape),))
        leaf = self.centre.clone().requires_grad_()
        (self.centre_gradient,) = torch.autograd.grad(loss(leaf[None])[0], leaf)

    @property
    def curvature(self) -> Curvature:
        return of_matrix(torch.func.hessian(lambda w: self.loss(w[None])[0])(self.centre))

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        leaf = positions.detach().requires_grad_()
        losses = self.loss(leaf)
        (gradient,) = torch.autograd.grad(losses.sum(), leaf)
        at_centre = self.loss(self.centre.unsqueeze(0)).detach().expand(len(positions))
        still = torch.zeros(len(positions), dtype=torch.float64)
        return Evaluation(losses.detach()[:, None], gradient, at_centre[:, None], still)

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Rows of sqrt(P) times a root of the Hessian at every position, whose second moment is the Hessian."""
        for position in positions:
            hessian = torch.func.hessian(lambda w: self.loss(w[None])[0])(position)
            h, U = torch.linalg.eigh(hessian)
            yield math.sqrt(len(h)) * h.clamp(min=0).sqrt()[:, None] * U.T


class LinearRegression:
    """Half the mean squared error of y = x.w on n fixed pairs, in minibatches: the posterior is known."""

    def __init__(self, x: Tensor, y: Tensor, centre: Tensor, minibatch: int, seed: int) -> None:
        self.x, self.y, self.centre, self.minibatch = x, y, centre, minibatch
        self.seed = seed
        self.centre_errors = 0.5 * (x @ centre - y).square()
        self.centre_gradient = (x @ centre - y) @ x / len(x)
        self.curvature = of_matrix(x.T @ x / len(x))
        self.layout = Layout((("w", centre.shape),))

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        source = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        rows = torch.randint(len(self.x), (len(positions), self.minibatch), generator=source)
        x, y = self.x[rows], self.y[rows]
        residuals = torch.einsum("cbp,cp->cb", x, positions) - y
        gradient = torch.einsum("cb,cbp->cp", residuals, x) / self.minibatch
        errors, of_centre = 0.5 * residuals.square(), self.centre_errors[rows]
        noise = (errors - of_centre).var(dim=1) / self.minibatch
        return Evaluation(
            errors.mean(1, keepdim=True), gradient, of_centre.mean(1, keepdim=True), noise
        )

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        yield self.x


def settings(**changes: object) -> SgldSettings:
    base = {
        "epsilon": 1e-3, "gamma": 1.0, "chains": 8, "burn_in": 500, "draws": 2000, "preconditioner": "none",
        "sampler": "sgld", "annealing": 0,
    }  # fmt: skip
    return SgldSettings(**{**base, **changes})


def noise(size: int, chains: int, seed: int = 0) -> Noise:
    source = torch.Generator().manual_seed(seed)
    return lambda: torch.randn(chains, size, generator=source, dtype=torch.float64)


def centre(size: int, errors: Tensor | None = None) -> Centre:
    """What an estimate needs to know about a centre without data."""
    return Centre(
        torch.zeros(2, 1) if errors is None else errors, True, 1.0, torch.zeros(size), size
    )


def quadratic_expectation(
    curvatures: np.ndarray, n_beta: float, gamma: float, epsilon: float
) -> float:
    """n beta E[l] for l = 1/2 sum a_i w_i^2 under the chain's own stationary law, including its finite step.

    Langevin with step eps has variance 1 / (h (1 - eps h / 4)) in a direction of total curvature h.
    """
    h = n_beta * curvatures + gamma
    return float(np.sum(0.5 * n_beta * curvatures / (h * (1 - epsilon * h / 4))))


def reduced_rank_coefficient(M: int, N: int, H: int, r: int) -> tuple[float, int]:
    """Learning coefficient and multiplicity of y = B A x, A (H, M), B (N, H), true rank r.

    Aoyagi and Watanabe, 'Stochastic complexities of reduced rank regression in Bayesian estimation',
    Neural Networks 18 (2005).
    """
    if N + r <= M + H and M + r <= N + H and H + r <= M + N:
        odd = (M + H + N + r) % 2
        top = -((H + r) ** 2) - M**2 - N**2 + 2 * (H + r) * M + 2 * (H + r) * N + 2 * M * N
        return (top + odd) / 8, 1 + odd
    if N + r > M + H:
        return (H * M - H * r + N * r) / 2, 1
    if M + r > N + H:
        return (H * N - H * r + M * r) / 2, 1
    return M * N / 2, 1
