"""Several runs trained as one: their parameters lie in one tensor each, and one batched product serves them all.

A small model leaves most of a GPU idle; a stack of them fills it. Every run stays what it is alone: its batches,
its initial weights, its learning rates and its curve are its own, its parameters and moments are *views* of the stack
(so that its checkpoints and its state are written as ever), and no run's arithmetic depends on another's. Batched
products round differently from single ones, so that a run trained in a stack agrees with the run trained alone
to float32 rounding, not to the bit.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import DivergenceError
from ..model.device import autocast
from ..model.functional import squared_errors
from .optimisation import make_optimisers, set_rates
from .trainer import CURVE_EVERY, Trainer


class Stack:
    """R >= 2 runs of one architecture and one training setting that are at the same step."""

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        """Take over ``trainers``: from here on they advance together, by :meth:`update` alone."""
        self.trainers = list(trainers)
        first = self.trainers[0]
        self.settings, self.device = first.training, first.device
        for trainer in self.trainers:
            trainer.stacked = max(trainer.stacked, len(self.trainers))
        self.leaves = {
            name: torch.stack([t.parameters[name].detach() for t in self.trainers]).requires_grad_()
            for name in first.parameters
        }
        self.optimisers = make_optimisers(self.leaves, self.settings, stack_dims=1)
        if first.step:
            self._stack_optimisers()
        for name, leaf in self.leaves.items():
            for trainer, row in zip(self.trainers, leaf.detach(), strict=True):
                trainer.parameters[name].data = row
        self._share_optimisers()

    def update(self) -> list[tuple[Trainer, DivergenceError]]:
        """One optimiser update of every run; the runs that diverged, if any.

        Those must be dropped: ``Stack`` of the others goes on.
        """
        batches = [trainer.batches.at(trainer.step) for trainer in self.trainers]
        x, y = (torch.stack(part) for part in zip(*batches, strict=True))
        step = self.trainers[0].step
        set_rates(self.optimisers, self.settings, step)
        with autocast(self.device, self.settings.precision):
            errors = squared_errors(self.trainers[0].model, self.leaves, x, y)
        losses = errors.flatten(1).mean(dim=1)
        gradients = torch.autograd.grad(losses.sum(), list(self.leaves.values()))
        last_of_row = (step + 1) % CURVE_EVERY == 0
        limit = self.settings.gradient_clip
        if last_of_row or limit is not None:
            norms = _norms(gradients)
        if limit is not None:
            shrink = (limit / (norms + 1e-6)).clamp(max=1)  # as torch.nn.utils.clip_grad_norm_ does
            for gradient in gradients:
                gradient.mul_(shrink.reshape(-1, *[1] * (gradient.ndim - 1)))
        for leaf, gradient in zip(self.leaves.values(), gradients, strict=True):
            # vmap may return them transposed, and fused Adam reads memory in its own order.
            leaf.grad = gradient.contiguous()
        for optimiser in self.optimisers:
            optimiser.step()
        if step == 0:
            self._share_optimisers()
        of_row = norms.tolist() if last_of_row else [None] * len(self.trainers)
        diverged = []
        for trainer, loss, norm in zip(self.trainers, losses.detach(), of_row, strict=True):
            try:
                trainer.account(loss, norm)
            except DivergenceError as error:
                diverged.append((trainer, error))
        return diverged

    def _stack_optimisers(self) -> None:
        """Make the optimisers' state of the moments that every run brings along."""
        for number, optimiser in enumerate(self.optimisers):
            for name, leaf in self._of(optimiser):
                states = [t.optimisers[number].state[t.parameters[name]] for t in self.trainers]
                optimiser.state[leaf] = {
                    key: value.clone() if value.ndim == 0 else torch.stack([s[key] for s in states])
                    for key, value in states[0].items()
                }

    def _share_optimisers(self) -> None:
        """Give every run its part of the moments, as views; the count of steps is one for all."""
        for number, optimiser in enumerate(self.optimisers):
            for name, leaf in self._of(optimiser):
                for row, trainer in enumerate(self.trainers):
                    trainer.optimisers[number].state[trainer.parameters[name]] = {
                        key: value if value.ndim == 0 else value[row]
                        for key, value in optimiser.state[leaf].items()
                    }

    def _of(self, optimiser: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
        """The parameters of ``optimiser`` by name."""
        mine = {id(leaf) for group in optimiser.param_groups for leaf in group["params"]}
        return [(name, leaf) for name, leaf in self.leaves.items() if id(leaf) in mine]


def _norms(gradients: Sequence[Tensor]) -> Tensor:
    """Joint norm (R,) of each run's gradients (R, ...)."""
    return torch.stack([g.flatten(1).square().sum(dim=1) for g in gradients]).sum(dim=0).sqrt()
