"""Runs that advance together: the tensors behind a training step.

A small model leaves most of a GPU idle; a stack of them fills it. Every run keeps its own batches, initial weights,
learning rates and curve. Its parameters, averages and moments are *views* of the stack, so its checkpoints and state
are written as usual. No run's arithmetic depends on another's. Batched products round differently from single ones, so
stacked and separate training of a run agree to float32 rounding, not to the bit.

A stack of one run has no axis of runs: its tensors are the run's own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..model.functional import squared_errors
from .optimisation import make_optimisers
from .trainer import Trainer


class Stack:
    """R runs of one architecture and one training setting that are at the same step.

    ``parameters``, their ``averages`` and the state of ``optimisers`` have a leading axis R if ``stack_dims`` is 1, and
    none if it is 0.
    """

    def __init__(self, trainers: Sequence[Trainer]) -> None:
        """Take over ``trainers``: from here on they advance together."""
        self.trainers = list(trainers)
        first = self.trainers[0]
        self.settings, self.device = first.training, first.device
        self.stack_dims = 0 if len(self.trainers) == 1 else 1
        if self.stack_dims:
            self._stack()
        else:
            self.parameters, self.optimisers = first.parameters, first.optimisers
            self.averages = first.averages

    @property
    def step(self) -> int:
        """Updates so far."""
        return self.trainers[0].step

    def batch(self) -> tuple[Tensor, Tensor]:
        """The step's x (R, B, K, D) and y (R, B, K), float32; without the axis R for a single run."""
        batches = [trainer.batches.at(self.step) for trainer in self.trainers]
        if not self.stack_dims:
            return batches[0].x, batches[0].y
        return torch.stack([b.x for b in batches]), torch.stack([b.y for b in batches])

    def squared_errors(self, x: Tensor, y: Tensor) -> Tensor:
        """Squared errors (R, B, K) of every run on its own sequences; without the axis R for a single run."""
        model = self.trainers[0].model
        if not self.stack_dims:
            errors: Tensor = (model(x, y) - y).square()
            return errors
        return squared_errors(model, self.parameters, x, y)

    def share_optimisers(self) -> None:
        """Give every run its part of the moments, as views; all share the count of steps.

        Call it after the first update, which makes the moments.
        """
        if not self.stack_dims:
            return
        for number, optimiser in enumerate(self.optimisers):
            for name, leaf in self._of(optimiser):
                for row, trainer in enumerate(self.trainers):
                    trainer.optimisers[number].state[trainer.parameters[name]] = {
                        key: value if value.ndim == 0 else value[row]
                        for key, value in optimiser.state[leaf].items()
                    }

    def _stack(self) -> None:
        first = self.trainers[0]
        for trainer in self.trainers:
            trainer.stacked = max(trainer.stacked, len(self.trainers))
        self.parameters = {
            name: torch.stack([t.parameters[name].detach() for t in self.trainers]).requires_grad_()
            for name in first.parameters
        }
        self.averages = {
            name: torch.stack([t.averages[name] for t in self.trainers]) for name in first.averages
        }
        self.optimisers = make_optimisers(self.parameters, self.settings, stack_dims=1)
        if self.step:
            self._stack_optimisers()
        for name, leaf in self.parameters.items():
            for trainer, row in zip(self.trainers, leaf.detach(), strict=True):
                trainer.parameters[name].data = row
        for name, average in self.averages.items():
            for trainer, row in zip(self.trainers, average, strict=True):
                trainer.averages[name] = row
        if self.step:
            self.share_optimisers()

    def _stack_optimisers(self) -> None:
        """Make the optimisers' state from the moments of every run."""
        for number, optimiser in enumerate(self.optimisers):
            for name, leaf in self._of(optimiser):
                states = [t.optimisers[number].state[t.parameters[name]] for t in self.trainers]
                optimiser.state[leaf] = {
                    key: value.clone() if value.ndim == 0 else torch.stack([s[key] for s in states])
                    for key, value in states[0].items()
                }

    def _of(self, optimiser: torch.optim.Optimizer) -> list[tuple[str, Tensor]]:
        """The parameters of ``optimiser`` by name."""
        mine = {id(leaf) for group in optimiser.param_groups for leaf in group["params"]}
        return [(name, leaf) for name, leaf in self.parameters.items() if id(leaf) in mine]
