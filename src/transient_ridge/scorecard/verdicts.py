"""From the values of single seeds to a verdict.

Two seeds vary: that of weights and batches, and the root seed of tasks and evaluation sets. A draw is a root seed; with
one root seed, an interval is over seeds and does not extend to other tasks. docs/thresholds.md has the rules.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import beta, binom, norm
from scipy.stats import t as student

from ..config.settings import ClaimSettings
from .statement import AT_LEAST, OWN, PAPER, Statement

HOLDS, FAILS = "holds", "does not hold"
UNDECIDED, UNTESTABLE = "undecided", "not testable at this scale"
NOT_DISCRIMINATING = "not discriminating"
#: Only a comparison with the threshold, for one draw or for draws that chose the regime.
MET, NOT_MET = "met", "not met"
NO_CLAIM = "a number, no verdict"

#: Verdicts, weakest first.
VERDICTS = (FAILS, NOT_MET, UNTESTABLE, UNDECIDED, NOT_DISCRIMINATING, NO_CLAIM, MET, HOLDS)

MEASURED, CONTRADICTED, NOT_TESTABLE = "measured", "contradicted", "not testable"

#: A row of the table `claims` or `claim_values`.
Row = Mapping[str, Any]

#: A rank correlation of 0.9 may fall short by rounding.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Spread:
    """Mean of values, its standard error with ``freedom`` degrees, and the deviations over both kinds of seed."""

    mean: float
    standard_error: float | None
    freedom: int
    over_seeds: float | None
    over_root_seeds: float | None

    @classmethod
    def of(cls, values: Mapping[int, Sequence[float]]) -> "Spread":
        """The spread of ``values``, root seed -> values of its seeds.

        The variance over root seeds is that of the root-seed means beyond what the seeds explain.
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

    def with_monte_carlo(self, error: float) -> "Spread":
        """The spread with at least the Monte Carlo ``error`` of the mean, which is normal (0 degrees of freedom)."""
        if error <= (self.standard_error or 0.0):
            return self
        return Spread(self.mean, error, 0, self.over_seeds, self.over_root_seeds)

    def half_width(self, confidence: float) -> float:
        """Half the width of the t interval of the mean; 0 for a single value without its own error."""
        if self.standard_error is None:
            return 0.0
        quantile = (1 + confidence) / 2
        factor = student.ppf(quantile, self.freedom) if self.freedom else norm.ppf(quantile)
        return float(factor) * self.standard_error

    def p_value(self, excess: float) -> float:
        """One-sided probability of this mean or a greater one if the truth lay ``excess`` below it."""
        if not self.standard_error:
            return float(excess < -ROUNDING)
        ratio = excess / self.standard_error
        return float(student.sf(ratio, self.freedom) if self.freedom else norm.sf(ratio))


class Verdict(NamedTuple):
    """A statement's value, its null, their uncertainty and the verdict: columns of the table `claims`."""

    value: float | None = None
    standard_error: float | None = None
    margin: float | None = None
    null_outcome: str | None = None
    null_value: float | None = None
    difference: float | None = None
    difference_margin: float | None = None
    share: float | None = None
    share_low: float | None = None
    share_high: float | None = None
    p_value: float | None = None
    seeds: int = 0
    root_seeds: int = 0
    deviation_seeds: float | None = None
    deviation_root_seeds: float | None = None
    verdict: str = UNTESTABLE
    reason: str = ""


def assess(
    statement: Statement, rows: Sequence[Row], threshold: float, settings: ClaimSettings
) -> Verdict:
    """The verdict on a statement, before Holm's correction, by its rows of the table `claim_values`.

    Root seeds on which the regime was chosen are left out if there are others.
    """
    tuned = set() if statement.claim == OWN else set(settings.tuned_on)
    scored = [row for row in rows if row["root_seed"] not in tuned]
    found = _judge(statement, scored or rows, threshold, settings)
    if not scored and found.verdict in (HOLDS, FAILS, UNDECIDED, MET, NOT_MET):
        chosen = ", ".join(str(seed) for seed in sorted({row["root_seed"] for row in rows}))
        met = {HOLDS: MET, FAILS: NOT_MET}.get(found.verdict, found.verdict)
        reason = joined(f"root seed {chosen} chose the regime: not scored", found.reason)
        return found._replace(verdict=met, reason=reason, p_value=None)
    return found


def _judge(
    statement: Statement, rows: Sequence[Row], threshold: float, settings: ClaimSettings
) -> Verdict:
    measured = [row for row in rows if row["outcome"] == MEASURED]
    roots = {row["root_seed"] for row in rows}
    unit = "root_seed" if len(roots) > 1 or statement.claim != OWN else "seed"
    units = list(_grouped(rows, unit).values())
    untestable = [each for each in units if _outcome(each) == NOT_TESTABLE]
    against = [each for each in units if _outcome(each) == CONTRADICTED]
    why = next(
        (row["reason"] for each in (*against, *untestable) for row in each if row["reason"]), ""
    )
    if len(untestable) == len(units):
        return Verdict(root_seeds=len(roots), reason=why)
    found = _measured(statement, measured, threshold, settings) if measured else Verdict()
    found = found._replace(root_seeds=len(roots))
    if statement.claim == 10:
        found = found._replace(verdict=NO_CLAIM)
    elif found.null_value is not None and _met(statement, found.null_value, threshold):
        reason = joined("its null passes too", found.reason)
        found = found._replace(verdict=NOT_DISCRIMINATING, reason=reason)
    elif not measured and (len(units) == 1 or statement.claim == OWN):
        found = found._replace(verdict=FAILS if len(units) > 1 else NOT_MET, reason=why)
    elif len(units) == 1 and against:  # in most seeds of the one draw
        found = Verdict(root_seeds=len(roots), verdict=NOT_MET, reason=why)
    elif len(units) > 1 and (statement.exists or against or untestable):
        values = [
            float(np.mean([row["value"] for row in each if row["outcome"] == MEASURED]))
            for each in units
            if _outcome(each) == MEASURED
        ]
        so = sum(_met(statement, value, threshold) for value in values)
        remarks = [f"holds in {so} of {len(units)}"]
        for each, what in ((against, "contradict it"), (untestable, "not testable")):
            remarks += [f"{len(each)} of {len(units)} {what}: {why}"] if each else []
        by_share = proportion(
            so, len(untestable), len(units), settings.in_draws, settings.confidence
        )
        found = found._replace(**by_share, reason=joined(*remarks, found.reason))
    return found


def proportion(so: int, open_: int, count: int, least: float, confidence: float) -> dict[str, Any]:
    """The share of units in which a statement holds, its Clopper-Pearson interval, and the verdict: part of a Verdict.

    It holds in ``so`` of ``count`` units, and ``open_`` more are undecided; one-sided binomial tests against ``least``.
    """
    tail, most = (1 - confidence) / 2, so + open_
    more, less = binom.sf(so - 1, count, least), binom.cdf(most, count, least)
    verdict = HOLDS if more <= 1 - confidence else FAILS if less <= 1 - confidence else UNDECIDED
    return {
        "share": so / count,
        "share_low": float(beta.ppf(tail, so, count - so + 1)) if so else 0.0,
        "share_high": float(beta.ppf(1 - tail, most + 1, count - most)) if most < count else 1.0,
        "p_value": float(more),
        "verdict": verdict,
    }


def _outcome(rows: Sequence[Row]) -> str:
    """The outcome of most seeds of a draw; a tie goes against the statement."""
    outcomes = [row["outcome"] for row in rows]
    return max((CONTRADICTED, NOT_TESTABLE, MEASURED), key=outcomes.count)


def _met(statement: Statement, value: float, threshold: float) -> bool:
    return math.isfinite(value) and excess_of(statement.comparison, value, threshold) >= -ROUNDING


def excess_of(comparison: str, value: float, threshold: float) -> float:
    """How far ``value`` lies on the right side of ``threshold``."""
    return value - threshold if comparison == AT_LEAST else threshold - value


def _measured(
    statement: Statement, rows: Sequence[Row], threshold: float, settings: ClaimSettings
) -> Verdict:
    """Mean, null and difference of ``rows``, all of which have a value, and the verdict on the mean."""
    values = _by_root_seed(rows, "value")
    count, roots = len(rows), len(values)
    error = math.sqrt(float(np.mean([(row["error"] or 0.0) ** 2 for row in rows])) / count)
    spread = Spread.of(values).with_monte_carlo(error)
    resolution = float(np.mean([row["resolution"] or 0.0 for row in rows]))
    margin = spread.half_width(settings.confidence) + resolution
    excess = excess_of(statement.comparison, spread.mean, threshold)
    met = _met(statement, spread.mean, threshold)
    enough = count > 1 and (statement.claim == OWN or roots > 1)
    # The seeds of one draw do not represent other draws, so only the uncertainty of its own value counts.
    open_ = margin if enough else norm.ppf((1 + settings.confidence) / 2) * error + resolution
    p = spread.p_value(excess - resolution) if math.isfinite(excess) else 1.0
    verdict = UNDECIDED if abs(excess) < open_ else (HOLDS if enough else MET) if met else (
        FAILS if enough else NOT_MET
    )  # fmt: skip
    remarks = joined(*dict.fromkeys(row["reason"] for row in rows if row["reason"]))
    close = f"within {open_:.2g} of the threshold" if verdict == UNDECIDED else ""
    known = spread.standard_error is not None or resolution > 0
    found = Verdict(
        value=spread.mean,
        standard_error=spread.standard_error,
        margin=margin if known else None,
        p_value=p if enough else None,
        seeds=count,
        root_seeds=roots,
        deviation_seeds=spread.over_seeds,
        deviation_root_seeds=spread.over_root_seeds,
        verdict=verdict,
        reason=joined(close, _counted(count, roots), remarks),
    )
    with_null = [row for row in rows if row["null_value"] is not None]
    if 2 * len(with_null) < len(rows) or not with_null:
        contradicted = any(row["null_outcome"] == CONTRADICTED for row in rows)
        return found._replace(null_outcome=CONTRADICTED if contradicted else None)
    null = Spread.of(_by_root_seed(with_null, "null_value"))
    paired = [{**row, "difference": row["value"] - row["null_value"]} for row in with_null]
    difference = Spread.of(_by_root_seed(paired, "difference")).with_monte_carlo(error)
    known = difference.standard_error is not None
    return found._replace(
        null_outcome=MEASURED,
        null_value=null.mean,
        difference=difference.mean,
        difference_margin=difference.half_width(settings.confidence) if known else None,
    )


def _grouped(rows: Iterable[Row], key: str) -> dict[Any, list[Row]]:
    """The rows by their value of ``key``, in the order in which values first occur."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row)
    return found


def _by_root_seed(rows: Sequence[Row], column: str) -> dict[int, list[float]]:
    return {root: [row[column] for row in own] for root, own in _grouped(rows, "root_seed").items()}


def _counted(count: int, roots: int) -> str:
    if count == 1:
        return "one draw"
    if roots == 1:
        return f"{count} seeds of weights and batches, the same tasks"
    return f"{count} values of {roots} root seeds"


def joined(*parts: str) -> str:
    """The non-empty ``parts`` in one line."""
    return "; ".join(part for part in parts if part)


def holm(rows: Sequence[dict[str, Any]], confidence: float) -> None:
    """Revoke, in place, each 'holds' of the paper's statements that does not survive Holm's correction."""
    family = [row for row in rows if row["kind"] == PAPER and row["p_value"] is not None]
    survives = True
    for i, row in enumerate(sorted(family, key=lambda row: float(row["p_value"]))):
        left = len(family) - i
        survives = survives and row["p_value"] * left <= 1 - confidence
        if row["verdict"] == HOLDS and not survives:
            row["verdict"] = UNDECIDED
            row["reason"] = joined(
                f"p = {row['p_value']:.2g}, and {left} of the paper's statements are as uncertain",
                row["reason"],
            )


class ClaimVerdict(NamedTuple):
    """The verdict on a claim by the paper's statements; ``others`` are those that do not hold, as '2c undecided'."""

    verdict: str
    others: tuple[str, ...]


def by_claim(rows: Iterable[Row]) -> dict[int, ClaimVerdict]:
    """Claim -> its verdict: 'holds' if all of the paper's statements do, else how many do."""
    return {claim: _of_claim(each) for claim, each in _grouped(rows, "claim").items()}


def _of_claim(rows: Sequence[Row]) -> ClaimVerdict:
    paper = [row for row in rows if row["kind"] == PAPER or row["claim"] == OWN]
    if not paper:
        return ClaimVerdict(NO_CLAIM, ())
    good = (HOLDS, MET)
    word = HOLDS if any(row["verdict"] in (HOLDS, FAILS) for row in paper) else MET
    others = [row for row in paper if row["verdict"] not in good]
    count = len(paper) - len(others)
    named = tuple(f"{row['claim']}{row['part']} {_short_verdict(row)}" for row in others)
    verb = "hold" if word == HOLDS else "met"
    return ClaimVerdict(f"{count} of {len(paper)} {verb}" if others else word, named)


def _short_verdict(row: Row) -> str:
    return str(row["verdict"]).removesuffix(" at this scale")


def tally(rows: Sequence[Row]) -> str:
    """How many of the paper's statements hold, and the verdicts on the others."""
    counted = [row["verdict"] for row in rows if row["kind"] == PAPER] or [
        row["verdict"] for row in rows
    ]
    counts = {verdict: counted.count(verdict) for verdict in reversed(VERDICTS)}
    parts = [f"{count} {verdict}" for verdict, count in counts.items() if count]
    return f"{len(counted)} statements: {', '.join(parts)}"


def written(value: float | None, error: float | None) -> str:
    """``0.28 ± 0.03``, ``0.28`` with one value, or a dash."""
    if value is None or math.isnan(value):
        return "-"
    if error is None or math.isnan(error):
        return _short(value, 3)
    return f"{_short(value, 3)} ± {_short(error, 2)}"


def _short(number: float, digits: int) -> str:
    return f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:,.0f}"
