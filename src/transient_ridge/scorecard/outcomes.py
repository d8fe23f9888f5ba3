"""What comes of measuring a statement for one seed: a number, a contradiction, or nothing."""

from typing import NamedTuple


class Measured(NamedTuple):
    """A value, the half-width that the grid leaves open, a remark, and the Monte Carlo standard error."""

    value: float
    resolution: float = 0.0
    remark: str = ""
    error: float = 0.0


class NotTestableError(Exception):
    """The tables neither support nor refute a statement: not measured, not resolved, or not trained."""


class GapError(NotTestableError):
    """A table that the answer is computed from has a gap."""


class ContradictedError(Exception):
    """What a statement takes for granted was measured, and is not so: it fails without a value."""
