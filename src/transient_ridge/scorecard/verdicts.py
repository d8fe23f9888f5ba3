"""From values of single seeds to a verdict: means, t intervals, and the variances behind them.

Two things vary: the seed of weights and batches, and the root seed, from which tasks and evaluation sets are drawn
anew. With one root seed an interval is over seeds alone and says nothing about other tasks; with several it is over the
means of the root seeds, which hold both variances.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import t as student

from .statement import AT_LEAST, PREDICTORS

HOLDS, FAILS = "holds", "does not hold"
UNDECIDED, UNTESTABLE = "undecided", "not testable at this scale"

#: Verdicts, the weakest first.
VERDICTS = (FAILS, UNTESTABLE, UNDECIDED, HOLDS)

MEASURED, CONTRADICTED, NOT_TESTABLE = "measured", "contradicted", "not testable"

#: A row of the table `claims` or `claim_values`.
Row = Mapping[str, Any]

#: A rank correlation of 0.9 may come out a rounding error below.
ROUNDING = 1e-9


class Verdict(NamedTuple):
    """A statement's value, how sure it is, and what follows: columns of the table `claims`."""

    value: float | None
    standard_error: float | None
    margin: float | None
    seeds: int
    root_seeds: int
    deviation_seeds: float | None
    deviation_root_seeds: float | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class Spread:
    """Mean of values and its standard error, which has so many ``freedom`` degrees; deviations over either seed."""

    mean: float
    standard_error: float | None
    freedom: int
    over_seeds: float | None
    over_root_seeds: float | None

    @classmethod
    def of(cls, values: Mapping[int, Sequence[float]]) -> "Spread":
        """From ``values``, root seed -> values of its seeds.

        The variance over root seeds is what the variance of their means exceeds that of means over seeds by.
        """
        means = [float(np.mean(each)) for each in values.values()]
        repeated = [each for each in values.values() if len(each) > 1]
        freedom = sum(len(each) - 1 for each in repeated)
        squares = sum(float(np.var(each, ddof=1)) * (len(each) - 1) for each in repeated)
        within = math.sqrt(squares / freedom) if freedom else None
        if len(means) == 1:
            count = len(next(iter(values.values())))
            error = None if within is None else within / math.sqrt(count)
            return cls(means[0], error, count - 1, within, None)
        deviation = float(np.std(means, ddof=1))
        own = (within or 0.0) ** 2 * float(np.mean([1 / len(each) for each in values.values()]))
        between = math.sqrt(max(0.0, deviation**2 - own))
        error = deviation / math.sqrt(len(means))
        return cls(float(np.mean(means)), error, len(means) - 1, within, between)

    def half_width(self, confidence: float) -> float:
        """Half the width of the t interval of the mean; 0 of a single value, of which nothing is known."""
        if self.standard_error is None:
            return 0.0
        return float(student.ppf((1 + confidence) / 2, self.freedom)) * self.standard_error


def judge(
    values: Mapping[int, Sequence[float]],
    comparison: str,
    threshold: float,
    confidence: float,
    *,
    resolution: float = 0.0,
    remark: str = "",
) -> Verdict:
    """Compare the mean of ``values`` (root seed -> one per seed) with ``threshold``.

    A mean within its t interval of the threshold, widened by what the grid leaves open, decides nothing. What is not a
    finite number does not hold.
    """
    spread = Spread.of(values)
    count = sum(len(each) for each in values.values())
    excess = spread.mean - threshold if comparison == AT_LEAST else threshold - spread.mean
    margin = spread.half_width(confidence) + resolution
    known = spread.standard_error is not None or resolution > 0
    met = math.isfinite(excess) and excess >= -ROUNDING
    verdict = UNDECIDED if abs(excess) < margin else HOLDS if met else FAILS
    reason = _counted(values, spread) + (f"; {remark}" if remark else "")
    if verdict == UNDECIDED:
        reason = f"within {margin:.2g} of the threshold; {reason}"
    return Verdict(
        spread.mean,
        spread.standard_error,
        margin if known else None,
        count,
        len(values),
        spread.over_seeds,
        spread.over_root_seeds,
        verdict,
        reason,
    )


def _counted(values: Mapping[int, Sequence[float]], spread: Spread) -> str:
    count, roots = sum(len(each) for each in values.values()), len(values)
    if spread.standard_error is None:
        return "one value, no uncertainty over seeds"
    if roots == 1:
        return f"{count} seeds of weights and batches, the same tasks"
    return f"{count} values of {roots} root seeds"


def assess(
    outcomes: Sequence[Row], comparison: str, threshold: float, confidence: float
) -> Verdict:
    """The verdict on a statement from its rows of the table `claim_values`.

    One seed that cannot be tested makes the statement untestable. Seeds that contradict it make it false, unless it
    would hold, or be undecided, by the others: then it is undecided.
    """
    nothing = (None, None, None, 0, len({row["root_seed"] for row in outcomes}), None, None)
    for row in outcomes:
        if row["outcome"] == NOT_TESTABLE:
            return Verdict(*nothing, UNTESTABLE, row["reason"])
    against = [row for row in outcomes if row["outcome"] == CONTRADICTED]
    measured = [row for row in outcomes if row["outcome"] == MEASURED]
    found = _judge_all(measured, comparison, threshold, confidence) if measured else None
    if not against:
        assert found is not None
        return found
    reason = against[0]["reason"]
    if found is None:
        return Verdict(*nothing, FAILS, reason)
    reason = f"{len(against)} of {len(outcomes)} seeds contradict it: {reason}"
    return Verdict(*nothing, FAILS if found.verdict == FAILS else UNDECIDED, reason)


def _judge_all(
    rows: Sequence[Row], comparison: str, threshold: float, confidence: float
) -> Verdict:
    """The verdict from rows that all have a value."""
    values: dict[int, list[float]] = {}
    for row in rows:
        values.setdefault(row["root_seed"], []).append(row["value"])
    resolution = float(np.mean([row["resolution"] for row in rows]))
    remarks = "; ".join(dict.fromkeys(row["reason"] for row in rows if row["reason"]))
    return judge(values, comparison, threshold, confidence, resolution=resolution, remark=remarks)


def weakest(rows: Sequence[Row]) -> Row:
    """Of rows of the table `claims` the one with the weakest verdict; of those the nearest to its threshold."""

    def strength(row: Row) -> tuple[int, float]:
        rank = VERDICTS.index(row["verdict"])
        if row["value"] is None or not math.isfinite(row["value"]):
            return rank, -math.inf
        excess = row["value"] - row["threshold"]
        excess = excess if row["comparison"] == AT_LEAST else -excess
        return rank, excess / max(abs(row["threshold"]), ROUNDING)

    return min(rows, key=strength)


def by_claim(rows: Sequence[Row]) -> dict[int, Row | None]:
    """Claim -> the weakest of its statements, whose verdict is the claim's; None if all are about predictors alone."""
    claims: dict[int, list[Row]] = {}
    for row in rows:
        claims.setdefault(row["claim"], []).append(row)
    found = {
        claim: [row for row in each if row["about"] != PREDICTORS] for claim, each in claims.items()
    }
    return {claim: weakest(each) if each else None for claim, each in found.items()}


def tally(rows: Sequence[Row]) -> str:
    """How many statements about models hold, do not, are undecided and cannot be tested."""
    counted = [row["verdict"] for row in rows if row["about"] != PREDICTORS]
    aside = len(rows) - len(counted)
    counts = {verdict: counted.count(verdict) for verdict in VERDICTS}
    text = (
        f"{counts[HOLDS]} of {len(counted)} statements hold, {counts[FAILS]} do not, "
        f"{counts[UNDECIDED]} are undecided, {counts[UNTESTABLE]} cannot be tested at this scale"
    )
    return f"{text} ({aside} about the idealised predictors alone not counted)" if aside else text


def written(value: float | None, error: float | None) -> str:
    """``0.28 ± 0.03``, ``0.28`` with one value, or a dash."""
    if value is None or math.isnan(value):
        return "-"
    if error is None or math.isnan(error):
        return _short(value, 3)
    return f"{_short(value, 3)} ± {_short(error, 2)}"


def _short(number: float, digits: int) -> str:
    return f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:,.0f}"
