"""Targets for samplers: losses whose learning coefficient is known in closed form."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..model.functional import Layout
from .target import Curvature, Evaluation


class Coefficient(NamedTuple):
    """The learning coefficient lambda of a singularity and its multiplicity m."""

    value: float
    multiplicity: int


class ClosedForm:
    """A loss of 0 at its centre, without minibatches: a target of the samplers."""

    def __init__(self, **centre: Tensor) -> None:
        """``centre`` are the parameters of w*, in float64."""
        self.layout = Layout.of(centre)
        self.centre = self.layout.flatten(centre)
        self.centre_gradient = torch.zeros_like(self.centre)

    @abstractmethod
    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Rows (b, P) whose second moment is the Gauss-Newton matrix, averaged over ``positions`` (C, P)."""

    @property
    def curvature(self) -> Curvature:
        """The Gauss-Newton matrix at the centre."""
        return Curvature.of(torch.cat(list(self.curvature_samples(self.centre[None], part=0))))


class NormalCrossing(ClosedForm):
    """l = w_1^(2 k_1) w_2^(2 k_2), around 0."""

    def __init__(self, first: int, second: int) -> None:
        """k_1 and k_2, both >= 1."""
        super().__init__(w=torch.zeros(2, dtype=torch.float64))
        self.exponents = (first, second)

    @property
    def coefficient(self) -> Coefficient:
        """lambda = 1 / (2 max k), with m = 2 if both k are equal."""
        first, second = self.exponents
        return Coefficient(1 / (2 * max(first, second)), 1 + (first == second))

    def expectation(self, n_beta: float, gamma: float) -> float:
        """n beta E[l] under exp(-n beta l - gamma/2 |w|^2), by quadrature."""
        # Even in both variables, so one quadrant; the logarithmic grid resolves the crossing.
        u = torch.linspace(math.log(1e-9), math.log(12 / math.sqrt(gamma)), 3001).double().exp()
        (k, m), w, v = self.exponents, u[:, None], u[None]
        energy = n_beta * w ** (2 * k) * v ** (2 * m)
        weight = (-energy - gamma / 2 * (w**2 + v**2)).exp() * w * v
        return float((energy * weight).sum() / weight.sum())

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """The loss and its gradient."""
        root, slopes = self._root(positions)
        return _exact(root.square(), 2 * root[:, None] * slopes)

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Gradients of the root of l, times 2^(1/2), whose second moment is the Gauss-Newton matrix."""
        yield math.sqrt(2) * self._root(positions)[1]

    def _root(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """w_1^k_1 w_2^k_2 (C,) and its gradient (C, 2)."""
        (k, m), (w, v) = self.exponents, positions.unbind(dim=1)
        slopes = (k * w ** (k - 1) * v**m, m * w**k * v ** (m - 1))
        return w**k * v**m, torch.stack(slopes, dim=1)


class DeepLinear(ClosedForm):
    """l = 1/2 |W_L ... W_1 - T|^2, the population loss of a deep linear network with x ~ N(0, I), T of some rank.

    With two layers it is reduced-rank regression. The chains start at one of the true parameters.
    """

    def __init__(self, widths: Sequence[int], rank: int) -> None:
        """``widths`` are those of input, hidden layers and output, each >= ``rank`` >= 0."""
        self.widths, self.rank = tuple(widths), rank
        layers = [torch.zeros(out, into, dtype=torch.float64) for into, out in pairwise(widths)]
        for layer in layers:
            layer[range(rank), range(rank)] = 1
        super().__init__(**{f"W{i}": layer for i, layer in enumerate(layers, start=1)})
        self.truth = torch.linalg.multi_dot(layers[::-1])

    @property
    def coefficient(self) -> Coefficient:
        """By Theorem 1 of Aoyagi, 'Consideration on the learning efficiency of multiple-layered neural networks with
        linear units', Neural Networks 172 (2024).
        """
        r = self.rank
        excess = sorted(width - r for width in self.widths)
        for size in range(1, len(excess)):
            few, rest = excess[: size + 1], excess[size + 1 :]
            total = sum(few)
            # The widths of exactly one set of layers matter: those narrower than all the rest.
            least = rest[0] if rest else math.inf
            if few[-1] < least and size * few[-1] <= total < size * least:
                break
        a = total - (math.ceil(total / size) - 1) * size
        pairs = (total**2 - sum(each**2 for each in few)) / 2
        value = (
            (r * (self.widths[0] + self.widths[-1]) - r**2) / 2
            + a * (size - a) / (4 * size)
            - (size - 1) / (4 * size) * total**2
            + pairs / 2
        )
        return Coefficient(value, a * (size - a) + 1)

    def expectation(self, n_beta: float, gamma: float) -> float:
        """n beta E[l] to leading order, lambda - (m - 1) / log(n beta), for any gamma."""
        coefficient = self.coefficient
        return coefficient.value - (coefficient.multiplicity - 1) / math.log(n_beta)

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """The loss and its gradient, without autograd, which would take most of the time of a chain."""
        layers = list(self.layout.views(positions).values())
        before, after = self._products(layers)
        error = before[-1] - self.truth
        parts = [
            (late.mT @ error @ early.mT).flatten(1)
            for early, late in zip(before[:-1], after[1:], strict=True)
        ]
        return _exact(0.5 * error.square().sum(dim=(1, 2)), torch.cat(parts, dim=1))

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Gradients of every entry of the product, times the root of their number."""
        layers = list(self.layout.views(positions).values())
        before, after = self._products(layers)
        # The entry (i, j) of the product has the gradient late[i, a] early[b, j] in the weight (a, b) of a layer.
        parts = [
            torch.einsum("cia,cbj->cijab", late, early).flatten(3)
            for early, late in zip(before[:-1], after[1:], strict=True)
        ]
        yield math.sqrt(self.truth.numel()) * torch.cat(parts, dim=3).flatten(0, 2)

    def _products(self, layers: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Products of the first 0, 1, ..., L layers, and of the remaining ones."""
        C = len(layers[0])
        identities = (
            torch.eye(n, dtype=torch.float64).expand(C, n, n)
            for n in (self.widths[0], self.widths[-1])
        )
        before, after = ([each] for each in identities)
        for layer in layers:
            before.append(layer @ before[-1])
        for layer in layers[::-1]:
            after.append(after[-1] @ layer)
        return before, after[::-1]


class LinearAttention(ClosedForm):
    """l = 1/2 E[(f - f*)^2] of a layer of linear attention, f = u.x + b + 1/K sum_j (v.e_j)(e_j.A x), e_j = (y_j, x_j).

    The inputs of the K pairs, the query x and the task w of y_j = w.x_j are standard normal. f* is one step of gradient
    descent, which the layer can express: v picks y_j, and e_j.A x is x_j.x. As f is linear in u, b and the products
    v_i A_jk, l is a quadratic form in them, whose matrix is estimated once.
    """

    def __init__(self, dimension: int, pairs: int = 10, sequences: int = 4096) -> None:
        D, N = dimension, sequences
        self.dimension = D
        shapes = {"u": (D,), "b": (1,), "v": (D + 1,), "A": (D + 1, D)}
        start = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
        start["v"][0] = 1
        start["A"][1:] = torch.eye(D)
        super().__init__(**start)
        source = torch.Generator().manual_seed(0)
        x = torch.randn(N, pairs, D, generator=source, dtype=torch.float64)
        tasks = torch.randn(N, D, 1, generator=source, dtype=torch.float64)
        query = torch.randn(N, D, generator=source, dtype=torch.float64)
        tokens = torch.cat((x @ tasks, x), dim=2)
        products = torch.einsum("nji,njk,nl->nikl", tokens, tokens / pairs, query).flatten(1)
        features = torch.cat((query, torch.ones(N, 1).double(), products), dim=1) / math.sqrt(N)
        #: (F, F): l is half the squared length of this times the error of the coefficients (F,).
        self._root = torch.linalg.qr(features).R
        self._truth = self._coefficients(self.centre[None])

    @property
    def coefficient(self) -> Coefficient:
        """Half of the D^2 + 3 D + 1 directions that count: u, b, the symmetric part of v a', for each column a of A."""
        return Coefficient((self.dimension**2 + 3 * self.dimension + 1) / 2, 1)

    def expectation(self, n_beta: float, gamma: float) -> float:
        """n beta E[l] to leading order, at which l is quadratic."""
        (jacobian,) = self._jacobians(self.centre[None])
        h = torch.linalg.svdvals(jacobian).square()
        return float((h / (h + gamma / n_beta)).sum() / 2)

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """The loss and its gradient."""
        error = (self._coefficients(positions) - self._truth) @ self._root.mT
        gradient = (self._jacobians(positions).mT @ error[:, :, None])[..., 0]
        return _exact(0.5 * error.square().sum(dim=1), gradient)

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Gradients of all parts of the error, times the root of their number."""
        yield math.sqrt(len(self._root)) * self._jacobians(positions).flatten(0, 1)

    def _coefficients(self, positions: Tensor) -> Tensor:
        """u, b and all v_i A_jk, (C, F)."""
        of = self.layout.views(positions)
        return torch.cat(
            (of["u"], of["b"], torch.einsum("ci,cjk->cijk", of["v"], of["A"]).flatten(1)), 1
        )

    def _jacobians(self, positions: Tensor) -> Tensor:
        """Derivatives (C, F, P) of the error by the parameters."""
        of, D, C = self.layout.views(positions), self.dimension, len(positions)
        linear = self._root[:, : D + 1].expand(C, -1, -1)
        products = self._root[:, D + 1 :].reshape(-1, D + 1, D + 1, D)
        by_v = torch.einsum("fijk,cjk->cfi", products, of["A"])
        by_A = torch.einsum("fijk,ci->cfjk", products, of["v"]).flatten(2)
        return torch.cat((linear, by_v, by_A), dim=2)


def _exact(losses: Tensor, gradient: Tensor) -> Evaluation:
    """An evaluation without minibatches, around a centre whose loss is 0."""
    return Evaluation(
        losses[:, None], gradient, torch.zeros_like(losses)[:, None], torch.zeros_like(losses)
    )
