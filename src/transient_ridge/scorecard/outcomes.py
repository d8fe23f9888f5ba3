"""What comes of measuring a statement for one seed: a number, a contradiction, or nothing."""

from typing import NamedTuple


class Measured(NamedTuple):
    """A value, the half-width of what the grid leaves open of it, and a remark."""

    value: float
    resolution: float = 0.0
    remark: str = ""


class NotTestableError(Exception):
    """The tables can neither support nor refute a statement, and why: not measured, not resolved, or not trained."""


class ContradictedError(Exception):
    """What a statement takes for granted was measured, and is not so: the statement does not hold, without a number."""
