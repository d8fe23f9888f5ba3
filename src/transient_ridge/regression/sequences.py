"""Nested task sets and sequences of in-context linear regression.

A task is a vector ``t`` in R^D; a sequence drawn for it is ``(x_1, y_1, ..., x_K, y_K)`` (arXiv 2501.17745, section
'Data'). The root seed fixes one unbounded list of tasks, and ``T_M`` is its first M members, so the task sets are
nested and all hold the root task ``t_1``.
"""

import math
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config.registries import INPUT_LAWS, TASK_FAMILIES
from ..config.runs import TaskDiversity
from ..config.settings import DataSettings
from .streams import Name, generator


class Sequences(NamedTuple):
    """A batch of sequences: ``x`` of shape (B, K, D) and ``y`` of shape (B, K), float32."""

    x: Tensor
    y: Tensor

    def to(self, device: torch.device) -> "Sequences":
        """The same sequences on ``device``."""
        return Sequences(self.x.to(device, non_blocking=True), self.y.to(device, non_blocking=True))


def task_set(root_seed: int, data: DataSettings, task_diversity: TaskDiversity) -> Tensor | None:
    """``T_M`` as an (M, D) float32 tensor, a prefix of ``T_M'`` for every M' > M; None for M = inf."""
    if math.isinf(task_diversity):
        return None
    name = "members" if TASK_FAMILIES.offers(data.tasks, "members") else "sample"
    members = TASK_FAMILIES.function(data.tasks, name)
    stream = generator(root_seed, "tasks", data.dimension)
    tasks = members(stream, int(task_diversity), data.dimension)
    return torch.from_numpy(tasks.astype(np.float32))


class SequenceSource:
    """Draws sequences of ``q_M``: uniform over ``T_M``, or over the task family for M = inf.

    Inputs and noise depend on the stream's name but not on M: runs of different M see the same ones, so comparisons
    between them are paired.
    """

    def __init__(self, root_seed: int, data: DataSettings, task_diversity: TaskDiversity) -> None:
        self.root_seed = root_seed
        self.data = data
        self.task_diversity = task_diversity
        self._sample = TASK_FAMILIES.function(data.tasks, "sample")
        self._draw = INPUT_LAWS.function(data.inputs, "draw")
        tasks = task_set(root_seed, data, task_diversity)
        self.tasks: NDArray[np.float32] | None = None if tasks is None else tasks.numpy()

    def draw(self, count: int, *stream: Name) -> Sequences:
        """``count`` sequences of the stream; the first B of them do not depend on ``count``."""
        return self._draw_of(self.tasks, count, stream)

    def training_batch(self, run_seed: int, step: int, batch_size: int) -> Sequences:
        """The batch of training step ``step``: a pure function of the seeds and the step."""
        return self._draw_of(self._tasks_at(step), batch_size, ("training", run_seed, step))

    @cached_property
    def _tasks_at(self) -> Callable[[int], NDArray[np.float32] | None]:
        """The tasks of a training step, which a family may change; None for new ones."""
        if self.tasks is None or not TASK_FAMILIES.offers(self.data.tasks, "over_training"):
            return lambda step: self.tasks
        stream = generator(self.root_seed, "tasks over training", self.data.dimension)
        found: Callable[[int], NDArray[np.float32] | None]
        found = TASK_FAMILIES.function(self.data.tasks, "over_training")(self.tasks, stream)
        return found

    def _draw_of(
        self, members: NDArray[np.float32] | None, count: int, stream: tuple[Name, ...]
    ) -> Sequences:
        inputs, noise, choice = (
            generator(self.root_seed, *stream, part) for part in ("inputs", "noise", "tasks")
        )
        if members is None:
            tasks = self._sample(choice, count, self.data.dimension, dtype=np.float32)
        else:
            tasks = members[(choice.random(count) * len(members)).astype(np.int64)]
        deviation = math.sqrt(self.data.noise_variance)
        x, y = self._draw(tasks, self.data.context_length, deviation, inputs, noise)
        return Sequences(torch.from_numpy(x), torch.from_numpy(y))
