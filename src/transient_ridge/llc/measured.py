"""What is measured once at w* for everything sampled around it."""

from typing import Any

from .curvature.metric import Metric
from .quadratic import Quadratic
from .target import Target


class Measured:
    """What a preconditioner measured at a target's w*, and the last quadratic that chains moved in."""

    def __init__(self, by_preconditioner: Any) -> None:
        self.by_preconditioner = by_preconditioner
        self._last: Quadratic | None = None

    def quadratic(self, target: Target, metric: Metric, n_beta: float, gamma: float) -> Quadratic:
        """The quadratic around w* in ``metric``: the last one, with its results, if it is the same."""
        last = self._last
        if last is None or not (
            (last.n_beta, last.gamma) == (n_beta, gamma) and last.metric.equals(metric)
        ):
            last = Quadratic(target.curvature, target.centre_gradient, metric, n_beta, gamma)
            self._last = last
        return last
