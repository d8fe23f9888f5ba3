r"""What the quadratic around w* predicts: how soon chains equilibrate, and what slope and noise do to the estimate.

Where l = l(w*) + g (w - w*) + 1/2 (w - w*) H (w - w*), let A = n beta H + gamma and R R^T = G, the metric. In
coordinates u with w - w* = R u the chains feel the curvatures b of B = R^T A R, and :mod:`.response` gives their motion
along each. Lanczos from a few vectors yields everything else:

- lambda = 1/2 tr(n beta H A^-1) = 1/2 E[x^T B^-1 x] for x of covariance n beta R^T H R: started from x, Lanczos
  gives values b of weight p, each of which carries p / 2b of lambda. Flat directions carry nothing;
- in equilibrium the loss has the variance 1/2 tr (W B^-1)^2, W = n beta R^T H R = B - gamma R^T R, and after t steps
  the covariance 1/2 tr (W B^-1 rho)^2, rho(B) the autocorrelation of u: again started from x;
- the slope g moves the posterior's mean by -n beta A^-1 g, which takes
  (n beta)^2 (1/2 g^T A^-1 g + gamma/2 |A^-1 g|^2) off lambda.
  At the mean m of u the loss still slopes, by -gamma R^T R m, which adds gamma^2 m R^T R B^-1 R^T R m to its variance,
  times rho to its covariance;
- minibatch noise of covariance C gives u the covariance X = sum_t k_t(B) C k_t(B), k_t the response to one unit of
  gradient, which adds 1/2 tr((B - gamma R^T R) X) to lambda. For SGLD along one direction that is
  s (eps / 8) C / (1 - eps b / 4), s = n beta h / (n beta h + gamma).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..config.settings import SgldSettings
from .curvature.lanczos import Ritz, lanczos
from .curvature.metric import Metric
from .response import Response, response
from .target import Curvature, Target

#: The most products with H for the curvatures that the chains feel, and for the effect of the slope. Where curvatures
#: spread over six decades, 40 find the missing share of lambda to a hundredth.
STEPS = 40
#: Lanczos stops once its last few steps add less than this share: after about 20 at r = 3.3 in the Kronecker metric.
TOLERANCE = 5e-4
#: Products for the effect of one noise, to which steep directions contribute most. At r = 3.3 in the Kronecker metric
#: these find it to 0.1 %.
FEW_STEPS = 7


class Felt(NamedTuple):
    """The curvatures b that carry lambda, in float64; N = 0 where the loss has no curvature at w*."""

    b: Tensor  # (N,)
    share: Tensor  # (N,), share of lambda at each; they sum to 1
    spread: Tensor  # (N, N), parts of the variance of n beta times the loss, over lambda
    llc: float  # lambda, by one draw of the curvature

    def autocovariance(self, of_u: Tensor) -> Tensor:
        """Autocovariance of n beta times the loss, over lambda, for the autocorrelation ``of_u`` (lags, N) of u."""
        return ((of_u @ self.spread) * of_u).sum(dim=-1)

    def mean(self, of_each: Tensor) -> Tensor:
        """Mean of a quantity (..., N), weighted by the shares of lambda."""
        return (of_each * self.share).sum(dim=-1)


class Slid(NamedTuple):
    """The effect of the slope at w*, along curvatures b, in float64; N = 0 if w* is a minimum."""

    taken: float  # what it takes off lambda
    b: Tensor  # (N,)
    variance: Tensor  # (N,), what it adds to the variance of n beta times the loss along each

    def autocovariance(self, of_u: Tensor) -> Tensor:
        """What it adds to the autocovariance of n beta times the loss, for the autocorrelation ``of_u`` (lags, N)."""
        return of_u @ self.variance


@dataclass(frozen=True)
class Quadratic:
    """The quadratic of one checkpoint at one n beta and gamma, in one metric."""

    curvature: Curvature
    slope: Tensor  # (P,), of the loss at w*
    metric: Metric
    n_beta: float
    gamma: float

    @cached_property
    def felt(self) -> Felt:
        """Which curvatures carry lambda, by one draw of the curvature."""
        if not bool(self.curvature.draw.any()):
            none = torch.zeros(0, dtype=torch.float64)
            return Felt(none, none, none[:, None], 0.0)
        run = self._lanczos(self.curvature.draw, STEPS, TOLERANCE)
        part = run.weights / run.values
        along = run.components(self._pulled(self.curvature.draw)) / run.values
        spread = along[:, None] * self._loss(run) * along
        return Felt(
            run.values, part / part.sum(), spread / part.sum(), float(self.n_beta / 2 * part.sum())
        )

    @cached_property
    def slid(self) -> Slid:
        """The effect of the slope g."""
        pulled_slope = self._pulled(self.slope)
        if not bool(pulled_slope.any()):
            return Slid(0.0, *torch.zeros(2, 0, dtype=torch.float64))
        run = self._lanczos(self.slope, STEPS, TOLERANCE)
        moved = self.n_beta * run.components(pulled_slope) / run.values  # along the Ritz vectors
        turned = self._turned(run)
        away = moved.to(turned) @ turned
        taken = (moved * run.values) @ moved + self.gamma * away.square().sum().cpu()
        pull = self.gamma * (turned @ away).cpu()
        return Slid(float(taken / 2), run.values, pull.square() / run.values)

    @property
    def taken(self) -> float:
        """What the slope g takes off lambda."""
        return self.slid.taken

    def added_by(self, noises: Tensor, settings: SgldSettings, steps: int) -> Tensor:
        """What gradient noise adds to lambda after ``steps`` steps, by each draw in ``noises`` (m, P): (m,) float64."""
        return torch.tensor(
            [self._added(noise, settings, steps) for noise in noises], dtype=torch.float64
        )

    def _added(self, noise: Tensor, settings: SgldSettings, steps: int) -> float:
        if not bool(noise.any()):
            return 0.0
        run = self._lanczos(noise, FEW_STEPS)
        answers = response(settings, run.values, steps).push * run.components(self._pulled(noise))
        return float(self.n_beta**2 / 2 * (self._loss(run) * (answers.mT @ answers)).sum())

    def power(self, noises: Tensor) -> Tensor:
        """|R^T n beta noise|^2 of ``noises`` (m, P): (m,) float64."""
        pulled = self.metric.root_transposed(noises).double()
        return self.n_beta**2 * pulled.square().sum(dim=1).cpu()

    def _lanczos(self, vector: Tensor, steps: int, tolerance: float | None = None) -> Ritz:
        """Lanczos of B from R^T v."""
        return lanczos(self._product, self._pulled(vector), steps, tolerance)

    def _product(self, u: Tensor) -> Tensor:
        moved = self.metric.root(u[None])[0]
        return self._pulled(self.n_beta * self.curvature.product(moved) + self.gamma * moved)

    def _pulled(self, vector: Tensor) -> Tensor:
        return self.metric.root_transposed(vector[None])[0]

    def _loss(self, run: Ritz) -> Tensor:
        """W along the Ritz vectors, (N, N) float64: the curvature of n beta times the loss, without localisation."""
        turned = self._turned(run)
        return torch.diag(run.values) - (self.gamma * turned @ turned.mT).cpu()

    def _turned(self, run: Ritz) -> Tensor:
        """R y for every Ritz vector y, (N, P) float64."""
        return self.metric.root(run.vectors.mT).double()


class Measured:
    """What is measured once at w*: what the preconditioner needs, and the last quadratic that chains moved in."""

    def __init__(self, by_preconditioner: Any) -> None:
        self.by_preconditioner = by_preconditioner
        self._last: Quadratic | None = None

    def quadratic(self, target: Target, metric: Metric, n_beta: float, gamma: float) -> Quadratic:
        """The quadratic around w* in ``metric``: the last one, with its results, if it is the same."""
        last = self._last
        if last is None or not (
            (last.n_beta, last.gamma) == (n_beta, gamma) and last.metric.equals(metric)
        ):
            last = Quadratic(target.curvature, target.centre_gradient, metric, n_beta, gamma)
            self._last = last
        return last


class Prediction(NamedTuple):
    """What the quadratic predicts of chains of given lengths."""

    b_min: float  # the smallest curvature that carries lambda, NaN if there is none
    b_max: float  # and the largest
    missing_at_start: float  # share of lambda that the chains lack at the first draw
    missing: float  # and on average over the draws
    step: float  # share that the finite step adds on average over the draws
    autocovariance: (
        Tensor  # (draws,), of n beta times the loss without minibatch noise, over lambda
    )
    by_slope: Tensor  # (draws,), what the slope adds to it

    @classmethod
    def of(
        cls, felt: Felt, answers: Response, burn_in: int, draws: int, by_slope: Tensor
    ) -> "Prediction":
        """The prediction for ``draws`` after ``burn_in`` steps from w*, by the response ``answers`` to ``felt.b``."""
        if not len(felt.b):
            none = torch.zeros_like(by_slope)
            return cls(float("nan"), float("nan"), 0.0, 0.0, 0.0, none, by_slope)
        held = answers.held()[burn_in : burn_in + draws]
        missing = felt.mean((1 - held).clamp(min=0))
        return cls(
            float(felt.b.min()),
            float(felt.b.max()),
            float(missing[0]),
            float(missing.mean()),
            float(felt.mean((held - 1).clamp(min=0)).mean()),
            felt.autocovariance(answers.autocorrelation(draws)),
            by_slope,
        )
