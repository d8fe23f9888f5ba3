"""Tasks that move during training and arrive at T_M: drawn anew, or on a random walk (after arXiv 2605.18281).

A move turns every task t into c t + sqrt(1 - c^2) xi with xi ~ N(0, I), which leaves N(0, I) unchanged. This walk is
reversible, so the path is drawn backwards from T_M, and runs are measured on the same T_M as in every other preset.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ....config.section import Count, Decay, Section, key
from ....regression.families import gaussian


class Options(Section):
    """When and how far tasks move."""

    every: Count = key("Updates between two moves.", unit="updates")
    correlation: Decay = key(
        "c, the correlation of a task with itself before the move; 0 draws it anew."
    )
    until: Count = key("The updates after which the tasks are T_M for good.", unit="updates")


def sample(
    generator: np.random.Generator,
    count: int,
    dimension: int,
    *,
    dtype: type = np.float64,
    options: Options,
) -> NDArray[np.floating]:
    """``count`` independent tasks from N(0, I), T_M among them."""
    return gaussian.sample(generator, count, dimension, dtype=dtype)


def over_training(
    tasks: NDArray[np.float32], generator: np.random.Generator, options: Options
) -> Callable[[int], NDArray[np.float32]]:
    """The tasks (M, D) of an update, by its number; the path of a task does not depend on M."""
    moves = (options.until - 1) // options.every
    noise = generator.standard_normal((len(tasks), moves, tasks.shape[1]), dtype=np.float32)
    kept, new = options.correlation, math.sqrt(1 - options.correlation**2)
    backwards = [tasks]
    for move in range(moves):
        backwards.append(kept * backwards[-1] + new * noise[:, move])
    return lambda step: backwards[max(0, moves - step // options.every)]


def fault_over_training(steps: int, diversities: Sequence[float], options: Options) -> str | None:
    """Why runs of these M with this many updates cannot have tasks that move like this."""
    if options.until > steps:
        return f"until = {options.until} must be at most training.steps = {steps}"
    if options.every >= options.until:
        return f"every = {options.every} must be less than until = {options.until}, or no task ever moves"
    if math.inf in diversities:
        return "M = inf has no tasks that could move; take inf out of grid.task_diversities"
    return None
