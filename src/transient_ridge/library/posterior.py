"""The local posterior of any module: the target whose chains start at the module's weights."""

import math
from collections.abc import Iterator
from functools import cached_property

import torch
from torch import Tensor

from ..config.limits import CHUNK, PRODUCT_SEQUENCES
from ..llc.curvature.gauss_newton import bent_product, pulled_back
from ..llc.curvature.roots import root_times
from ..llc.posterior import evaluation
from ..llc.streams import Streams
from ..llc.target import Curvature, Evaluation
from ..model.functional import Layout
from ..regression.streams import generator
from .module_loss import ModuleLoss


class ModulePosterior(Streams):
    """The free parameters of a module around their values, and its loss on n samples.

    The curvature is the generalised Gauss-Newton matrix E_s[J_s^T B_s J_s], with J_s the derivative of the outputs on
    sample s and B_s the second derivative of its loss in them. It equals the Hessian if the module fits its data or is
    linear, and has no negative eigenvalue if the loss is convex in the outputs.
    """

    def __init__(
        self, loss: ModuleLoss, chains: int, minibatch: int, curvature_samples: int, seed: int
    ) -> None:
        free = loss.free
        self.loss, self.minibatch, self.draws = loss, minibatch, curvature_samples
        self.layout = Layout.of(free)
        super().__init__(self.layout.flatten(free), chains, seed, "llc", "module")
        #: Losses (n, 1) of every sample at w*, and the gradient (P,) of their mean.
        self.centre_errors, self.centre_gradient = self._at_centre()

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """Loss and gradient of every chain on its minibatch (see target.Target)."""
        rows = self.rows(step, self.loss.size, self.minibatch)
        leaves = self._leaves(positions)
        losses = self.loss.over_modules(self.loss.losses)(leaves, *self._samples(rows))
        gradient = self._gradient(losses.mean(dim=1).sum(), leaves, stack_dims=1)
        return evaluation(losses.detach()[..., None], gradient, self.centre_errors[rows])

    def curvature_samples(self, positions: Tensor, part: int) -> Iterator[Tensor]:
        """Draws v = J_s^T B_s^(1/2) xi, xi = +-1; ``positions`` (C, P) share the samples s."""
        rng = generator(self.root_seed, *self.stream, "curvature", part)
        rows = torch.from_numpy(rng.integers(self.loss.size, size=self.draws))
        for chain, position in enumerate(positions):
            samples = self._samples(rows[chain :: len(positions)])
            yield from pulled_back(
                self.loss.output,
                self.layout,
                position,
                samples,
                self._towards(position, samples, int(rng.integers(2**31))),
                over=self.loss.over_modules,
            )

    @cached_property
    def curvature(self) -> Curvature:
        """The matrix at w*, from samples that no preconditioner has seen, and a draw from it."""
        rng = generator(self.root_seed, *self.stream, "curvature", "at w*")
        count = min(PRODUCT_SEQUENCES, self.loss.size)
        samples = self._samples(torch.from_numpy(rng.permutation(self.loss.size)[:count]))
        towards = self._towards(self.centre, samples, int(rng.integers(2**31)))
        leaves = self._leaves(self.centre)
        draw = self._gradient((self.loss.outputs(leaves, *samples) * towards).sum(), leaves)
        draw /= math.sqrt(count)
        product = bent_product(
            self.loss.outputs, self.layout, self.centre, [samples], self.loss.bend, 1 / count
        )
        return Curvature(product, draw)

    def _towards(self, position: Tensor, samples: list[Tensor], seed: int) -> Tensor:
        """B_s^(1/2) xi_s of every sample, in the shape of the outputs."""
        with torch.no_grad():
            outputs = self.loss.outputs(self.layout.views(position), *samples)
        source = torch.Generator().manual_seed(seed)
        signs = torch.randint(0, 2, tuple(outputs.shape), generator=source) * 2 - 1
        bend = self.loss.bend(outputs, *samples)
        found = root_times(
            lambda u: bend(u.reshape(outputs.shape)).flatten(1), signs.to(outputs).flatten(1)
        )
        return found.reshape(outputs.shape)

    def _at_centre(self) -> tuple[Tensor, Tensor]:
        chunks, slope = [], torch.zeros_like(self.centre)
        for rows in torch.split(torch.arange(self.loss.size), CHUNK):
            leaves = self._leaves(self.centre)
            losses = self.loss.losses(leaves, *self._samples(rows))
            slope += self._gradient(losses.sum(), leaves)
            chunks.append(losses.detach()[:, None])
        return torch.cat(chunks), slope / self.loss.size

    def _gradient(self, value: Tensor, leaves: dict[str, Tensor], stack_dims: int = 0) -> Tensor:
        """The gradient of a scalar ``value``: (P,), or (C, P) for a stack of chains."""
        found = torch.autograd.grad(value, list(leaves.values()), materialize_grads=True)
        return self.layout.flatten(dict(zip(leaves, found, strict=True)), stack_dims=stack_dims)

    def _leaves(self, flat: Tensor) -> dict[str, Tensor]:
        return {n: view.detach().requires_grad_() for n, view in self.layout.views(flat).items()}

    def _samples(self, rows: Tensor) -> list[Tensor]:
        return [part[rows.to(part.device)] for part in self.loss.data]
