r"""The LLC at every resolution by the curvature: exact for N sequences, then extrapolated to infinitely many.

Where l = l(w*) + 1/2 dw^T H dw the local posterior is Gaussian, and with the *resolution* r = gamma / (n beta)

    lambda(r) = n beta E[l - l(w*)] = 1/2 tr H (H + r)^-1 = 1/2 sum_i h_i / (h_i + r).

The matrix H_N of N sequences has too few directions, so its sum is too low, by half at a fine r. Held-out sequences
show by how much: lambda(r) lies between

    in_sample(r) = 1/2 tr H_N (H_N + r)^-1    and    held_out(r) = 1/2 mean_S tr H_S (H_{N without S} + r)^-1.

To leading order in 1/N, the sample at r' gives what infinitely many sequences give at a coarser resolution kappa:

    in_sample(r') = lambda(kappa),    held_out(r') = (kappa / r') lambda(kappa).

This is the identity behind generalised cross-validation; kappa is the signal capture threshold of Jacot et al.,
'Kernel alignment risk estimator' (2020). So lambda(r) is in_sample(r') at the r' whose kappa is r, which exists unless
r is finer than N sequences can resolve.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

#: N sequences resolve r if half of them give the same LLC up to this share of it.
AGREEMENT = 0.1
#: Points per factor e of resolution on the curves of a spectrum, which are interpolated in logarithms.
POINTS = 10
#: The most numbers of products of eigenvectors held at once.
PRODUCTS = 1 << 24


class Bin(NamedTuple):
    """The number of eigenvalues between two curvatures."""

    lower: float
    upper: float
    number: int


class Llc(NamedTuple):
    """The LLC at one resolution."""

    mean: float
    standard_error: float  # from the draw of sequences


class Resolved(NamedTuple):
    """The LLC at one resolution, by N sequences and by half of them; None where they do not resolve it.

    The standard error covers the draw of sequences and the change from half of them to all.
    """

    resolution: float
    llc: float | None
    standard_error: float | None
    llc_half: float | None  # mean of both halves
    in_sample: float  # of the N sequences, without the correction for their number
    fault: str | None  # why they do not resolve it


class Spectrum:
    """Eigenvalues of H_N, and the LLC at the resolutions that N sequences resolve."""

    def __init__(self, gram: Tensor, positions: int, coarsest: float) -> None:
        """``gram`` (NK, NK), float64, has a block of K = ``positions`` rows for each of N >= 2 sequences.

        ``coarsest`` is the largest r that will be requested. Raises FloatingPointError if ``gram`` is 0.
        """
        values, vectors = torch.linalg.eigh(gram)
        #: (NK,), ascending, in units of the loss / weight^2.
        self.values = values.clamp(min=0)
        #: Smaller values are rounding, as gradients are float32.
        self.floor = self.largest * float(np.finfo(np.float32).eps)
        if self.floor == 0:
            raise FloatingPointError("the loss has no curvature at these weights")
        self.sequences = len(gram) // positions
        top = max(coarsest, 2 * self.floor)
        count = math.ceil(POINTS * math.log(top / self.floor)) + 1
        r = torch.logspace(math.log10(self.floor), math.log10(top), count).to(values)
        held_out = self._held_out(vectors.view(self.sequences, positions, -1), r)
        in_sample = 0.5 * (self.values / (self.values + r[:, None])).sum(dim=1)
        ratio = held_out.mean(dim=1) / in_sample
        kappa = (r * ratio).log()
        # 1/2 tr H_S (H + kappa)^-1 is the part of S in the LLC at kappa. Adding a sequence moves that LLC by
        # kappa/2 tr H_S (H + kappa)^-2, the slope at which the part falls with ln kappa.
        parts = held_out / ratio[:, None]
        (influence,) = torch.gradient(parts, spacing=(kappa,), dim=0)
        error = influence.std(dim=1) / math.sqrt(self.sequences)
        # At its finest, kappa is level, and rounding may make it fall.
        level = (kappa.diff() <= 0).nonzero().flatten().tolist()
        first = level[-1] + 1 if level else 0
        self._kappa, self._llc, self._error = (
            part[first:].cpu().numpy() for part in (kappa, in_sample.log(), error.log())
        )

    @property
    def trace(self) -> float:
        """tr H_N."""
        return float(self.values.sum())

    @property
    def largest(self) -> float:
        """The largest eigenvalue."""
        return float(self.values[-1])

    @property
    def finest(self) -> float:
        """The finest resolution of these sequences."""
        return float(np.exp(self._kappa[0]))

    def in_sample(self, r: float) -> float:
        """1/2 sum h / (h + r) of these sequences."""
        return 0.5 * float((self.values / (self.values + r)).sum())

    def llc(self, r: float) -> Llc | None:
        """The LLC at ``r`` for infinitely many sequences; None if ``r`` is finer than :attr:`finest`."""
        if r < self.finest:
            return None
        mean, error = (
            float(np.exp(np.interp(math.log(r), self._kappa, of)))
            for of in (self._llc, self._error)
        )
        return Llc(mean, error)

    def bins(self, per_decade: int = 4) -> list[Bin]:
        """Numbers of eigenvalues between powers of ten; the first bin holds those that are rounding."""
        known = self.values[self.values > self.floor].cpu().numpy()
        index, counts = np.unique(
            np.floor(np.log10(known) * per_decade).astype(int), return_counts=True
        )
        number = dict(zip(index.tolist(), counts.tolist(), strict=True))
        rest = Bin(0.0, self.floor, len(self.values) - len(known))
        return [rest] + [
            Bin(10 ** (i / per_decade), 10 ** ((i + 1) / per_decade), number.get(i, 0))
            for i in range(index.min(), index.max() + 1)
        ]

    def _held_out(self, vectors: Tensor, r: Tensor) -> Tensor:
        """1/2 tr H_S (H_{N without S} + r)^-1, at every ``r`` (R,) for every sequence S: (R, N)."""
        N, K, rows = vectors.shape
        # The mean over N - 1 sequences, in units of that over N.
        rest = r * (N - 1) / N
        shares = self.values[:, None] / (self.values[:, None] + rest)
        identity = torch.eye(K).to(vectors)
        found = []
        for some in torch.split(vectors, max(1, PRODUCTS // (K * K * rows))):
            products = some[:, :, None] * some[:, None]
            leverages = (products @ shares).movedim(-1, 0)  # (R, n, K, K)
            left_out = torch.linalg.solve(identity - leverages, leverages)
            found.append(left_out.diagonal(dim1=-2, dim2=-1).sum(dim=-1))
        return (N - 1) / 2 * torch.cat(found, dim=1)


@dataclass(frozen=True)
class Curvature:
    """The spectrum of N sequences, and those of both halves of them."""

    whole: Spectrum
    halves: tuple[Spectrum, Spectrum]

    @classmethod
    def of(cls, gram: Tensor, positions: int, coarsest: float) -> "Curvature":
        """Arguments as for :class:`Spectrum`, with N >= 4."""
        middle = len(gram) // positions // 2 * positions
        first, second = (
            # A Gram matrix is divided by its number of rows.
            Spectrum(part * (len(gram) / len(part)), positions, coarsest)
            for part in (gram[:middle, :middle], gram[middle:, middle:])
        )
        return cls(Spectrum(gram, positions, coarsest), (first, second))

    def at(self, r: float) -> Resolved:
        """The LLC at ``r``, or why these sequences do not resolve it."""
        N, in_sample = self.whole.sequences, self.whole.in_sample(r)
        found, *of_halves = (each.llc(r) for each in (self.whole, *self.halves))
        known = [each.mean for each in of_halves if each is not None]
        if found is None or len(known) < 2:
            fault = (
                f"r = {r:g} is too fine for {N} sequences: it takes about {self._needed(r)}; raise spectrum.sequences, "
                "or leave this r out"
            )
            return Resolved(r, None, None, None, in_sample, fault)
        half = sum(known) / 2
        change = abs(found.mean - half)
        if change > AGREEMENT * found.mean:
            fault = (
                f"{N} sequences give {found.mean:.4g} at r = {r:g}, and half of them {half:.4g}: not converged; raise "
                f"spectrum.sequences to {2 * N}, or leave this r out"
            )
            return Resolved(r, None, None, half, in_sample, fault)
        error = math.hypot(found.standard_error, change)
        return Resolved(r, found.mean, error, half, in_sample, None)

    def _needed(self, r: float) -> int:
        """Sequences whose halves would resolve ``r``, as a power of two, if the finest r keeps falling as it does."""
        N, whole = self.whole.sequences, self.whole.finest
        half = max(each.finest for each in self.halves)
        falls = max(1.0, math.log2(half / whole))
        return int(2 ** math.ceil(math.log2(N * max(2.0, (half / r) ** (1 / falls)))))
