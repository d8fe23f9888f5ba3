r"""The spectrum of a symmetric positive matrix H by stochastic Lanczos quadrature, and the LLC that it implies.

H is the curvature of a loss, such as the Gauss-Newton matrix (:mod:`.gauss_newton`). Where
l = l(w*) + 1/2 dw^T H dw the local posterior is Gaussian, and with the *resolution* r = gamma / (n beta)

    n beta E[l - l(w*)] = 1/2 sum_i s_i,    (n beta)^2 Var[l] = 1/2 sum_i s_i^2,    s_i = h_i / (h_i + r):

the LLC at r counts half of the directions whose curvature h_i is well above r. Sums over all P eigenvalues are
estimated by stochastic Lanczos quadrature (Ubaru, Chen and Saad 2017). Its probes are random signs along the axes of a
Kronecker eigenbasis (:mod:`.kronecker`), in which H is nearly diagonal: only what is off the diagonal makes noise. The
diagonal alone would not do: it is less spread than the eigenvalues, and as s is concave in h it overstates the LLC.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .kronecker import KroneckerBasis

#: A Ritz value counts as an eigenvalue if it is known to this share of itself.
CONVERGED = 1e-2
#: and if it is above this share of the largest.
LARGE = 1e-3


class Spectrum(NamedTuple):
    """What Q probes say of the eigenvalues; every row alone is an estimate of the whole spectrum."""

    values: Tensor  # (Q, N) float64, in units of the loss / weight^2, at least 0
    counts: Tensor  # (Q, N) float64, how many eigenvalues each stands for; a row sums to about P

    def trace(self) -> "Mean":
        """tr H."""
        return Mean.of((self.counts * self.values).sum(dim=1))

    def llc(self, resolution: float) -> "Mean":
        """1/2 sum h / (h + r) at r = ``resolution`` > 0: lambda_hat of a quadratic loss."""
        return Mean.of(0.5 * (self.counts * self._resolved(resolution)).sum(dim=1))

    def variance(self, resolution: float) -> "Mean":
        """1/2 sum (h / (h + r))^2: (n beta)^2 Var[l] of a quadratic loss."""
        return Mean.of(0.5 * (self.counts * self._resolved(resolution).square()).sum(dim=1))

    def bins(self, per_decade: int = 4) -> "list[Bin]":
        """Eigenvalues between powers of ten, averaged over the probes; those below float32's epsilon come last.

        Below epsilon times the largest, Lanczos' values are rounding.
        """
        values, counts = (part.flatten().cpu().numpy() for part in self)
        floor = values.max() * np.finfo(np.float32).eps
        rounding = values <= floor
        index = np.floor(np.log10(np.where(rounding, floor, values)) * per_decade).astype(int)
        found = []
        for i in range(index[~rounding].min(), index[~rounding].max() + 1):
            inside = ~rounding & (index == i)
            edges = 10.0 ** (i / per_decade), 10.0 ** ((i + 1) / per_decade)
            found.append(Bin(*edges, float(counts[inside].sum()) / len(self.values)))
        return [Bin(0.0, float(floor), float(counts[rounding].sum()) / len(self.values)), *found]

    def _resolved(self, resolution: float) -> Tensor:
        return self.values / (self.values + resolution)


class Mean(NamedTuple):
    """A mean over probes and its standard error (NaN of a single one)."""

    mean: float
    standard_error: float

    @classmethod
    def of(cls, estimates: Tensor) -> "Mean":
        """From one estimate per probe (Q,)."""
        error = estimates.std() / math.sqrt(len(estimates)) if len(estimates) > 1 else math.nan
        return cls(float(estimates.mean()), float(error))


class Bin(NamedTuple):
    """How many eigenvalues lie between two numbers."""

    lower: float
    upper: float
    number: float  # not whole: a mean over probes


def lanczos_spectrum(product: Callable[[Tensor], Tensor], probes: Tensor, steps: int) -> Spectrum:
    """The spectrum of the symmetric positive matrix behind ``product`` (P,) -> (P,).

    ``probes`` (Q, P) have independent entries of mean 0 and variance 1 in some orthonormal basis. ``steps`` of Lanczos
    with full reorthogonalisation make as many eigenvalues per probe. The largest eigenvalues, on which the first probe
    has converged, are taken out of all of them and counted as one each (Meyer et al., 'Hutch++', 2021): they would make
    most of the noise.
    """
    first = _Ritz.of(product, probes[0], steps)
    top = first.converged()
    known = first.vectors[:, top]
    ones = torch.ones_like(first.values[top])
    # What the first probe says of the rest: its weights without those that are counted exactly.
    rows = [(first.values[~top], first.weights[~top])]
    for probe in probes[1:]:
        rest = _Ritz.of(product, probe - known @ (known.mT @ probe), steps)
        rows.append((rest.values, rest.weights))
    values = [torch.cat((first.values[top], values)).clamp(min=0) for values, _ in rows]
    counts = [torch.cat((ones, weights)) for _, weights in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return Spectrum(pad(values, batch_first=True), pad(counts, batch_first=True))


class _Ritz(NamedTuple):
    """One Lanczos run from a probe; N is ``steps``, or fewer if an invariant space ended it."""

    values: Tensor  # (N,) float64
    weights: Tensor  # (N,) float64, squared components of the probe: they sum to |probe|^2
    vectors: Tensor  # (P, N)
    residuals: Tensor  # (N,) float64, |H v - value v|

    def converged(self) -> Tensor:
        """Which of them are single eigenvalues at the top: (N,) bool.

        Towards 0 eigenvalues lie dense, and what seems one direction is whatever the probe had there.
        """
        large = self.values > LARGE * self.values.max()
        return large & (self.residuals < CONVERGED * self.values)

    @classmethod
    def of(cls, product: Callable[[Tensor], Tensor], probe: Tensor, steps: int) -> "_Ritz":
        size = probe.norm()
        basis = [probe / size]
        diagonal: list[Tensor] = []
        beside: list[Tensor] = []
        for _ in range(min(steps, len(probe))):
            image = product(basis[-1])
            diagonal.append(image.double() @ basis[-1].double())
            known = torch.stack(basis)
            for _ in range(2):  # once is not enough in floating point
                image = image - known.mT @ (known @ image)
            length = image.norm()
            beside.append(length.double())
            # An invariant space: nothing but rounding is left.
            if length <= 10 * torch.finfo(probe.dtype).eps * max(map(abs, diagonal)):
                break
            basis.append(image / length)
        N = len(diagonal)
        off = torch.stack(beside)
        matrix = torch.diag(torch.stack(diagonal))
        matrix += torch.diag(off[:-1], 1) + torch.diag(off[:-1], -1)
        values, vectors = torch.linalg.eigh(matrix)
        return cls(
            values,
            vectors[0].square() * size.double() ** 2,
            torch.stack(basis[:N], dim=1) @ vectors.to(probe.dtype),
            (off[-1] * vectors[-1]).abs(),
        )


def sign_probes(basis: KroneckerBasis | None, size: int, count: int, seed: int) -> Tensor:
    """Probes (count, P) of random signs along the axes of ``basis`` (None: the weights' own)."""
    source = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (count, size), generator=source) * 2.0 - 1
    if basis is None:
        return signs
    like = basis.left[0]
    return basis.vectors(signs.to(like))
