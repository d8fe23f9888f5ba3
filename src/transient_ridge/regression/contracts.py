"""The protocols of the registries in this room; an entry is a module that implements one."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float32]


class Predictor(Protocol):
    """An idealised predictor (:mod:`.predictors`): a function that a trained model may approximate.

    An entry restricted to one dimension or input law declares it in a literal ``DIMENSION`` or ``INPUTS``.
    """

    #: Its name (mathtext) and marker (matplotlib's) in figures, as literals.
    LABEL: str
    MARKER: str
    #: Whether it depends on the task set T_M, so that there is one for every M, as a literal.
    OF_TASK_SET: bool

    def predict(self, x: Tensor, y: Tensor, tasks: Tensor | None, noise_variance: float) -> Tensor:
        """Predict every ``y_k`` from ``(x_1, y_1, ..., x_{k-1}, y_{k-1}, x_k)``; returns (..., K).

        ``x`` is (..., K, D) and ``y`` (..., K), both float32 or both float64, as is the result. ``tasks`` (M, D) is
        T_M, or None for M = inf.
        """
        ...


class TaskFamily(Protocol):
    """A task family (:mod:`.families`): the distribution q_inf that tasks are drawn from.

    An entry may offer ``fault(data) -> str | None``, which returns why it does not fit the section ``data``;
    validation calls it. It may define T_M by a function ``members`` with the parameters of ``sample`` if T_M is not
    M independent samples. A task that T_M holds twice is drawn twice as often and counts twice in dMMSE_M; gates are
    then measured for each task.

    An entry whose tasks change during training offers ``over_training(tasks, generator)``, which takes T_M (M, D) and
    returns a function from the number of an update, counted from 0, to its tasks (M, D), or None where every sequence
    has a new one. Runs are measured on T_M. It may offer ``fault_over_training(steps, diversities) -> str | None``,
    which returns why it does not fit training.steps and the M of the grid.
    """

    def sample(
        self, generator: np.random.Generator, count: int, dimension: int
    ) -> NDArray[np.floating[Any]]:
        """Draw tasks (count, dimension), in floating point.

        The first members must not depend on ``count``: T_M is a prefix of T_M' for every M' > M.
        """
        ...


class InputLaw(Protocol):
    """An input law (:mod:`.inputs`): how the pairs (x, y) of a task are drawn.

    An entry restricted to one dimension or task family declares it in a literal ``DIMENSION`` or ``TASKS``, and
    validation checks it. An entry whose x come from a finite list offers ``feature(x)``, the number (...), from 0, of
    each x (..., D); losses are then measured for each feature.
    """

    def draw(
        self,
        tasks: Array,
        context_length: int,
        deviation: float,
        inputs: np.random.Generator,
        noise: np.random.Generator,
    ) -> tuple[Array, Array]:
        """Draw x (B, K, D) and y (B, K), float32, for ``tasks`` (B, D).

        ``deviation`` is the standard deviation of the noise; ``inputs`` and ``noise`` are independent generators. The
        first sequences must not depend on how many are drawn.
        """
        ...
