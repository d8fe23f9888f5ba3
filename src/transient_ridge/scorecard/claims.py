"""The scorecard: each claim of the paper as statements with a number, a threshold and a verdict.

A statement is measured once for each seed; its value is the mean, its uncertainty the standard error over seeds.
Where the tables cannot decide (a predictor out of reach, a quantity that was not measured, seeds that disagree) the
verdict says so and gives the reason: it never turns into a 'does not hold'.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..artefacts.pages import Page
from ..artefacts.tables import Frames, Rows
from ..config.settings import ClaimSettings
from ..stage import stage
from .measurements import Evidence, NotTestableError
from .statements import AT_LEAST, STATEMENTS, Statement

HOLDS, FAILS, UNTESTABLE = "holds", "does not hold", "not testable at this scale"


class Verdict(NamedTuple):
    """Value (mean over seeds), its standard error, and what follows from them."""

    value: float | None
    standard_error: float | None
    seeds: int
    verdict: str
    reason: str


def judge(
    values: Sequence[float], comparison: str, threshold: float, standard_errors: float
) -> Verdict:
    """Compare the mean of ``values`` (one per seed) with ``threshold``.

    With several seeds a mean within so many ``standard_errors`` of the threshold decides nothing.
    """
    mean, error = over_seeds(values)
    if error is not None and abs(mean - threshold) < standard_errors * error:
        reason = f"{len(values)} seeds disagree: within {standard_errors:g} standard errors of the threshold"
        return Verdict(mean, error, len(values), UNTESTABLE, reason)
    # A rank correlation of 0.9 may come out a rounding error below.
    excess = mean - threshold if comparison == AT_LEAST else threshold - mean
    met = excess >= -1e-9
    counted = (
        f"{len(values)} seeds" if error is not None else "one value, no uncertainty over seeds"
    )
    return Verdict(mean, error, len(values), HOLDS if met else FAILS, counted)


def over_seeds(values: Sequence[float]) -> tuple[float, float | None]:
    """Mean and its standard error; of one value there is none."""
    error = float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return float(np.mean(values)), error


def assess(statement: Statement, evidence: Evidence) -> Verdict:
    """The verdict on ``statement``; one seed that cannot be measured makes it untestable."""
    threshold = getattr(evidence.settings, statement.threshold)
    try:
        seeds = evidence.seeds[:1] if statement.joint else evidence.seeds
        values = [statement.measure(evidence, seed) for seed in seeds]
    except NotTestableError as error:
        return Verdict(None, None, 0, UNTESTABLE, str(error))
    return judge(values, statement.comparison, threshold, evidence.settings.standard_errors)


def score(evidence: Evidence) -> Rows:
    """The table `claims`: every statement, judged by ``evidence``."""
    rows = Rows("claims")
    for statement in sorted(STATEMENTS, key=lambda row: (row.claim, row.part)):
        rows.add(
            **assess(statement, evidence)._asdict(),
            claim=statement.claim,
            part=statement.part,
            statement=statement.text,
            quantity=statement.quantity,
            comparison=statement.comparison,
            threshold=float(getattr(evidence.settings, statement.threshold)),
        )
    return rows


@stage(
    "claims",
    "page",
    tables=(
        "relative_distances",
        "thresholds",
        "smoothed_losses",
        "idealised_losses",
        "idealised_distances",
        "pca_trajectories",
        "pca_idealised",
        "pca_variance",
        "pca_loadings",
        "pca_robustness",
        "selection",
        "llc",
    ),
)
def judge_claims(frames: Frames, settings: Mapping[str, Any]) -> tuple[Rows, Page]:
    """Judge every statement by the tables; as a table and as a page."""
    evidence = Evidence(frames, ClaimSettings.of(settings["claims"]))
    scored = score(evidence)
    return scored, Page(f"{markdown(scored.columns)}\n{by_diversity(evidence)}")


def markdown(columns: Mapping[str, Sequence[Any]]) -> str:
    """The scorecard as a Markdown table under a line that counts the verdicts."""
    lines = [
        f"{tally(columns['verdict'])}.",
        "",
        "| claim | statement | what is measured | value | threshold | verdict |",
        "|---|---|---|---|---|---|",
    ]
    names = list(columns)
    for values in zip(*columns.values(), strict=True):
        row = dict(zip(names, values, strict=True))
        verdict = f"**{row['verdict']}**" if row["verdict"] == HOLDS else row["verdict"]
        remark = f": {row['reason']}" if row["verdict"] == UNTESTABLE else ""
        lines.append(
            f"| {row['claim']}{row['part']} | {row['statement']} | {row['quantity']} "
            f"| {measured(row['value'], row['standard_error'])} "
            f"| {row['comparison']} {row['threshold']:.3g} | {verdict}{remark} |"
        )
    return "\n".join(lines) + "\n"


#: What is told of each M for one seed.
OF_EACH_DIVERSITY: dict[str, Callable[[Evidence, float, int], float]] = {
    "step of the least OOD loss": lambda of, M, seed: of.critical_step(M, seed),
    "least OOD loss": lambda of, M, seed: of.losses(M, seed, OUT).min(),
    "OOD loss at the end": lambda of, M, seed: of.losses(M, seed, OUT).iloc[-1],
    "dip": lambda of, M, seed: of.dip_and_rise(M, seed)[0],
    "rise": lambda of, M, seed: of.dip_and_rise(M, seed)[1],
    "Delta(f, ridge) on q_M at the end": lambda of, M, seed: of.path(M, seed)["ridge"].iloc[-1],
    "Delta(f, dMMSE_M)": lambda of, M, seed: of.path(M, seed)["dmmse"].iloc[-1],
    "LLC at the end": lambda of, M, seed: of.llc(seed).get(M, math.nan),
}


def by_diversity(evidence: Evidence) -> str:
    """A Markdown table with a row for every M: means over seeds and their standard errors."""
    names = ["M", "OOD loss of ridge", "of dMMSE_M", *OF_EACH_DIVERSITY]
    lines = [
        f"Means over {len(evidence.seeds)} seed(s); dip and rise are shares of the gap between the OOD losses of "
        "dMMSE_M and ridge.",
        "",
        f"| {' | '.join(names)} |",
        "|" + "---|" * len(names),
    ]
    for M in sorted(evidence.frames["relative_distances"]["task_diversity"].unique()):
        ideals = [f"{evidence.ideal(predictor, M, OUT):.3g}" for predictor in ("ridge", "dmmse")]
        found = [_told(evidence, tell, M) for tell in OF_EACH_DIVERSITY.values()]
        lines.append(f"| {' | '.join([f'{M:g}', *ideals, *found])} |")
    return "\n".join(lines) + "\n"


def _told(evidence: Evidence, tell: Callable[[Evidence, float, int], float], M: float) -> str:
    try:
        return measured(*over_seeds([tell(evidence, M, seed) for seed in evidence.seeds]))
    except NotTestableError:
        return "-"


def measured(value: float | None, standard_error: float | None) -> str:
    """``0.28 ± 0.03``, ``0.28`` with one seed, or a dash."""
    if value is None or math.isnan(value):
        return "-"
    if standard_error is None or math.isnan(standard_error):
        return _short(value, 3)
    return f"{_short(value, 3)} ± {_short(standard_error, 2)}"


def _short(number: float, digits: int) -> str:
    return f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:,.0f}"


def tally(verdicts: Sequence[str]) -> str:
    """How many statements hold, do not, and cannot be tested."""
    counts = {verdict: list(verdicts).count(verdict) for verdict in (HOLDS, FAILS, UNTESTABLE)}
    return (
        f"{counts[HOLDS]} of {len(verdicts)} statements hold, {counts[FAILS]} do not, "
        f"{counts[UNTESTABLE]} cannot be tested at this scale"
    )
