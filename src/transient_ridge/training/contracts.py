"""The protocols of the registries in this room; an entry is a module that implements one."""

from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor

from ..config.settings import TrainedBy, TrainingSettings


class Optimiser(Protocol):
    """An optimiser (:mod:`.optimisers`)."""

    def make(
        self, parameters: Mapping[str, Tensor], settings: TrainingSettings, stack_dims: int = 0
    ) -> list[torch.optim.Optimizer]:
        """Return the optimisers of ``parameters``, which maps the model's names to tensors.

        The first ``stack_dims`` axes of every tensor index stacked runs; a run in a stack must be optimised exactly as
        it is on its own.
        """
        ...


class Schedule(Protocol):
    """A learning-rate schedule (:mod:`.schedules`)."""

    def factor(self, settings: TrainingSettings, step: int) -> float:
        """Return the multiple of the base rate that the update to ``step + 1`` uses."""
        ...


class Adapter(Protocol):
    """Translates checkpoints of another architecture to ours."""

    def translate(self, weights: dict[str, Tensor], trained_by: TrainedBy) -> dict[str, Tensor]:
        """Translate the named tensors of a checkpoint to those of :class:`~..model.transformer.Transformer`.

        The transformer has the section ``model`` of ``trained_by``; both models must predict the same. Raises KeyError
        if a tensor is missing.
        """
        ...
