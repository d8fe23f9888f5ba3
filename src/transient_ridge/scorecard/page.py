"""The scorecard as Markdown: ten claims, then their statements, then every M."""

import math
from collections.abc import Callable, Sequence

import pandas as pd

from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..artefacts.tables import Rows
from .along_resolution import in_words, verdicts_by_resolution
from .measurements import Evidence
from .outcomes import ContradictedError, NotTestableError
from .statement import PREDICTORS, TITLES
from .verdicts import HOLDS, Row, Spread, by_claim, tally, written


def scorecard(claims: Rows) -> str:
    """One verdict for each claim, that of its weakest statement, and under it every statement."""
    rows = claims.records()
    return "\n".join([f"{tally(rows)}.", "", *_claims(rows), "", *_statements(rows)]) + "\n"


def _claims(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| claim | | verdict | weakest statement | value | threshold |",
        "|---|---|---|---|---|---|",
    ]
    for claim, row in by_claim(rows).items():
        start = f"| {claim} | {TITLES[claim]} |"
        if row is None:
            lines.append(f"{start} - | about the idealised predictors alone | | |")
            continue
        count = sum(other["claim"] == claim for other in rows)
        lines.append(
            f"{start} {_bold(row['verdict'])} | {row['part']} of {count}: {row['statement']} "
            f"| {written(row['value'], row['margin'])} | {_threshold(row)} |"
        )
    return lines


def _statements(rows: Sequence[Row]) -> list[str]:
    lines = [
        "Values are means with the half-width of their t interval (`claims.confidence`) over seeds, or over root seeds "
        "where there are several, and what the grid leaves open.",
        "",
        "| | statement | what is measured | value | threshold | set | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        aside = " (predictors alone: not counted)" if row["about"] == PREDICTORS else ""
        reason = f": {row['reason']}" if row["reason"] else ""
        lines.append(
            f"| {row['claim']}{row['part']} | {row['statement']}{aside} | {row['quantity']} "
            f"| {written(row['value'], row['margin'])} | {_threshold(row)} | {row['set_when']} "
            f"| {_bold(row['verdict'])}{reason}{_deviations(row)} |"
        )
    return lines


def _bold(verdict: str) -> str:
    return f"**{verdict}**" if verdict == HOLDS else verdict


def _threshold(row: Row) -> str:
    return f"{row['comparison']} {row['threshold']:.3g}"


def _deviations(row: Row) -> str:
    """Both deviations, where root seeds were varied."""
    if row["deviation_root_seeds"] is None:
        return ""
    seeds = "-" if row["deviation_seeds"] is None else f"{row['deviation_seeds']:.2g}"
    return f"; deviation {seeds} over seeds, {row['deviation_root_seeds']:.2g} over root seeds"


def along_resolution(claims: pd.DataFrame) -> str:
    """The statements about the LLC, with where along r they hold; nothing if no curvature was measured."""
    if claims.empty:
        return ""
    lines = [
        "The LLC counts directions of curvature above r = gamma / (n beta). Judged again by the quadratic LLC, "
        "1/2 sum h / (h + r), at every r that was measured:",
        "",
        "| | statement | along r |",
        "|---|---|---|",
    ]
    statements = dict(
        zip(claims["claim"].astype(str) + claims["part"], claims["statement"], strict=True)
    )
    for name, verdicts in verdicts_by_resolution(
        Rows.of("claims_by_resolution", claims).records()
    ).items():
        lines.append(f"| {name} | {statements[name]} | {in_words(verdicts)} |")
    return "\n".join(lines) + "\n"


#: What is told of each M for one seed.
OF_EACH_DIVERSITY: dict[str, Callable[[Evidence, float, int], float]] = {
    "step of the least OOD loss": lambda of, M, seed: of.critical_step(M, seed),
    "least OOD loss": lambda of, M, seed: of.losses(M, seed, OUT).min(),
    "OOD loss at the end": lambda of, M, seed: of.losses(M, seed, OUT).iloc[-1],
    "dip": lambda of, M, seed: of.dip_and_rise(M, seed)[0],
    "rise": lambda of, M, seed: of.dip_and_rise(M, seed)[1],
    "relative distance at t_crit": lambda of, M, seed: of.at_critical_step(M, seed),
    "at the end": lambda of, M, seed: of.end(M, seed),
    "Delta(f, ridge) on q_M at the end": lambda of, M, seed: of.path(M, seed)["ridge"].iloc[-1],
    "Delta(f, dMMSE_M)": lambda of, M, seed: of.path(M, seed)["dmmse"].iloc[-1],
    "LLC at the end": lambda of, M, seed: of.llc(seed).get(M, math.nan),
}


def by_diversity(evidence: Evidence) -> str:
    """A Markdown table with a row for every M: means over seeds and their standard errors."""
    names = ["M", "OOD loss of ridge", "of dMMSE_M", *OF_EACH_DIVERSITY]
    try:
        diversities = sorted(evidence.table("relative_distances")["task_diversity"].unique())
    except NotTestableError as error:
        return f"{error}.\n"
    lines = [
        f"Means over {len(evidence.seeds)} seed(s) and their standard errors. Dip, counted from the least OOD loss on "
        "the straight way to dMMSE_M, and rise are shares of the gap between the OOD losses of dMMSE_M and ridge; "
        "relative distances on q_M are 0 at ridge and 1 at dMMSE_M.",
        "",
        f"| {' | '.join(names)} |",
        "|" + "---|" * len(names),
    ]
    for M in diversities:
        ideals = [_ideal(evidence, predictor, M) for predictor in ("ridge", "dmmse")]
        found = [_of(evidence, measure, M) for measure in OF_EACH_DIVERSITY.values()]
        lines.append(f"| {' | '.join([f'{M:g}', *ideals, *found])} |")
    return "\n".join(lines) + "\n"


def _ideal(evidence: Evidence, predictor: str, M: float) -> str:
    try:
        return f"{evidence.ideal(predictor, M, OUT):.3g}"
    except NotTestableError:
        return "-"


def _of(evidence: Evidence, measure: Callable[[Evidence, float, int], float], M: float) -> str:
    try:
        values = [float(measure(evidence, M, seed)) for seed in evidence.seeds]
    except (NotTestableError, ContradictedError):
        return "-"
    spread = Spread.of({evidence.root_seed: values})
    return written(spread.mean, spread.standard_error)
