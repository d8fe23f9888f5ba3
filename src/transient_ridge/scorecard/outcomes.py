"""The outcome of measuring a statement for one seed: a number, a contradiction, or nothing."""

from typing import NamedTuple


class Measured(NamedTuple):
    """A value, the half-width of its uncertainty from the grid, a remark, and its Monte Carlo standard error."""

    value: float
    resolution: float = 0.0
    remark: str = ""
    error: float = 0.0


class NotTestableError(Exception):
    """The tables neither support nor refute a statement: not measured, not resolved, or not trained."""


class GapError(NotTestableError):
    """A table behind the answer has a gap."""


class ContradictedError(Exception):
    """A premise was measured and is false, so the statement fails without a value."""
