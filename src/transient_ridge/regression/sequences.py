"""Nested task sets and sequences of in-context linear regression.

A task is a vector ``t`` in R^D. A sequence of it is ``(x_1, y_1, ..., x_K, y_K)`` with ``x_k ~ N(0, I_D)``
and ``y_k ~ N(t.x_k, sigma^2)`` (arXiv 2501.17745, section 'Data'). One unbounded sequence of tasks is
fixed; ``T_M`` is its first M members, so the task sets are nested and all hold the root task ``t_1``.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


def task_set(root_seed: int, task_diversity: int, dimension: int) -> Tensor:
    """``T_M`` as a (M, D) float32 tensor; ``T_M`` is a prefix of ``T_M'`` for every M' > M."""
    rng = generator(root_seed, "tasks", dimension)
    return torch.from_numpy(rng.standard_normal((task_diversity, dimension)).astype(np.float32))


class SequenceSource:
    """Draws sequences of ``q_M``: uniform over ``T_M``, or over N(0, I_D) for M = inf.

    The inputs and the noise depend on the stream's name alone and not on M, so runs of different task
    diversity see the same inputs and noise, and their comparison is paired.
    """

    def __init__(self, root_seed: int, data: DataSettings, task_diversity: TaskDiversity) -> None:
        self.root_seed = root_seed
        self.data = data
        self.task_diversity = task_diversity
        self.tasks: NDArray[np.float32] | None = None
        if not math.isinf(task_diversity):
            self.tasks = task_set(root_seed, int(task_diversity), data.dimension).numpy()

    def draw(self, count: int, *stream: Name) -> Sequences:
        """``count`` sequences of the stream; the first B of them do not depend on ``count``."""
        K, D = self.data.context_length, self.data.dimension
        x, noise, choice = (
            generator(self.root_seed, *stream, part) for part in ("inputs", "noise", "tasks")
        )
        inputs = x.standard_normal((count, K, D), dtype=np.float32)
        deviation = np.float32(math.sqrt(self.data.noise_variance))
        if self.tasks is None:
            tasks = choice.standard_normal((count, D), dtype=np.float32)
        else:
            tasks = self.tasks[(choice.random(count) * len(self.tasks)).astype(np.int64)]
        targets = np.einsum("bkd,bd->bk", inputs, tasks)
        targets += deviation * noise.standard_normal((count, K), dtype=np.float32)
        return Sequences(torch.from_numpy(inputs), torch.from_numpy(targets))

    def training_batch(self, run_seed: int, step: int, batch_size: int) -> Sequences:
        """The batch of training step ``step``: a pure function of the seeds and the step."""
        return self.draw(batch_size, "training", run_seed, step)
