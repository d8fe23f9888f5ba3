"""T_M, except for some updates whose sequences all have new tasks: q_M to q_inf and back (after arXiv 2605.18281)."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ....config.section import Count, Natural, Section, key
from ....config.settings import DataSettings
from ....regression.families import gaussian


class Options(Section):
    """Which updates have new tasks."""

    start: Natural = key("The first update with new tasks, from 0.", unit="updates")
    stop: Count = key("The first update after it with tasks of T_M again.", unit="updates")


def fault(data: DataSettings, options: Options) -> str | None:
    """Why no update has new tasks."""
    if options.start >= options.stop:
        return f"start = {options.start} must be less than stop = {options.stop}"
    return None


def sample(
    generator: np.random.Generator,
    count: int,
    dimension: int,
    *,
    dtype: type = np.float64,
    options: Options,
) -> NDArray[np.floating]:
    """``count`` independent tasks from N(0, I)."""
    return gaussian.sample(generator, count, dimension, dtype=dtype)


def over_training(
    tasks: NDArray[np.float32], generator: np.random.Generator, options: Options
) -> Callable[[int], NDArray[np.float32] | None]:
    """The tasks (M, D) of an update, by its number; None where they are new ones from N(0, I)."""
    return lambda step: None if options.start <= step < options.stop else tasks


def fault_over_training(steps: int, diversities: Sequence[float], options: Options) -> str | None:
    """Why runs of these M with this many updates cannot switch like this."""
    if options.stop > steps:
        return f"stop = {options.stop} must be at most training.steps = {steps}"
    if math.inf in diversities:
        return "M = inf has new tasks anyway; take inf out of grid.task_diversities"
    return None
