"""The scorecard as Markdown: claims, statements, further questions, and every M."""

import math
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import pandas as pd

from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..artefacts.tables import Rows
from .measurements import Evidence
from .outcomes import ContradictedError, NotTestableError
from .statement import FURTHER, TITLES
from .verdicts import HOLDS, NO_CLAIM, Row, Spread, by_claim, tally, written


def scorecard(claims: Rows) -> str:
    """A verdict for each claim with the statements that do not hold, then every statement, then further questions."""
    rows = claims.records()
    further = [row for row in rows if row["kind"] == FURTHER]
    scored = [row for row in rows if row["kind"] != FURTHER]
    lines = [f"{tally(rows)}.", "", *_claims(rows), "", *_statements(scored)]
    if further:
        lines += ["", "Further questions, which decide no claim:", "", *_table(further)]
    return "\n".join(lines) + "\n"


def _claims(rows: Sequence[Row]) -> list[str]:
    lines = ["| claim | | verdict | those that do not hold |", "|---|---|---|---|"]
    for claim, found in by_claim(rows).items():
        cells = (_bold(found.verdict), ", ".join(found.others))
        if found.verdict == NO_CLAIM:
            cells = ("-", "the paper makes no claim: numbers only")
        lines.append(f"| {claim} | {TITLES[claim]} | {cells[0]} | {cells[1]} |")
    return lines


def _statements(rows: Sequence[Row]) -> list[str]:
    return [
        "Values are means over draws (root seeds) with the half-width of their t interval; `E` marks statements judged "
        "by the proportion of draws. The null is the same quantity in a world where the statement is false "
        "(docs/thresholds.md).",
        "",
        *_table(rows),
    ]


def _table(rows: Sequence[Row]) -> list[str]:
    lines = [
        "| | statement | what is measured | value | threshold | null | value - null | verdict |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        exists = " E" if row["existence"] else ""
        reason = f": {row['reason']}" if row["reason"] else ""
        lines.append(
            f"| {row['claim']}{row['part']}{exists} | {row['statement']} | {row['quantity']} "
            f"| {written(row['value'], row['margin'])} | {row['comparison']} {row['threshold']:.3g} "
            f"| {_null(row)} | {written(row['difference'], row['difference_margin'])} "
            f"| {_bold(row['verdict'])}{_share(row)}{reason}{_deviations(row)} |"
        )
    return lines


def _null(row: Row) -> str:
    """The value in the null, or 'contradicted'."""
    return (
        str(row["null_outcome"])
        if row["null_value"] is None and row["null_outcome"]
        else written(row["null_value"], None)
    )


def _bold(verdict: str) -> str:
    return f"**{verdict}**" if verdict == HOLDS else verdict


def _share(row: Row) -> str:
    if row["share"] is None:
        return ""
    return f", {row['share']:.0%} of draws [{row['share_low']:.0%}, {row['share_high']:.0%}]"


def _deviations(row: Row) -> str:
    """Both deviations, where root seeds were varied."""
    if row["deviation_root_seeds"] is None:
        return ""
    seeds = "-" if row["deviation_seeds"] is None else f"{row['deviation_seeds']:.2g}"
    return f"; deviation {seeds} over seeds, {row['deviation_root_seeds']:.2g} over root seeds"


def verdicts_by_resolution(rows: Sequence[Row]) -> dict[str, list[tuple[float, str]]]:
    """Statement, such as 8a -> its verdict at each r, ascending."""
    found: dict[str, list[tuple[float, str]]] = {}
    for row in sorted(rows, key=lambda row: float(row["resolution"])):
        name = f"{row['claim']}{row['part']}"
        found.setdefault(name, []).append((float(row["resolution"]), row["verdict"]))
    return dict(sorted(found.items()))


def in_words(verdicts: Sequence[tuple[float, str]]) -> str:
    """``holds for r in [0.1, 1]; does not hold at r = 3.3``: neighbouring r with the same verdict together."""
    parts = []
    for verdict, same in groupby(verdicts, key=itemgetter(1)):
        rs = [r for r, _ in same]
        where = f"at r = {rs[0]:g}" if len(rs) == 1 else f"for r in [{rs[0]:g}, {rs[-1]:g}]"
        parts.append(f"{verdict} {where}")
    return "; ".join(parts)


def along_resolution(claims: pd.DataFrame) -> str:
    """Where along r the statements about the LLC hold; empty if no curvature was measured."""
    if claims.empty:
        return ""
    lines = [
        "The LLC counts directions of curvature above r = gamma / (n beta). The verdicts by the quadratic LLC, "
        "1/2 sum h / (h + r), at every measured r:",
        "",
        "| | statement | along r |",
        "|---|---|---|",
    ]
    rows = Rows.of("claims_by_resolution", claims).records()
    statements = {f"{row['claim']}{row['part']}": row["statement"] for row in rows}
    for name, verdicts in verdicts_by_resolution(rows).items():
        lines.append(f"| {name} | {statements[name]} | {in_words(verdicts)} |")
    return "\n".join(lines) + "\n"


def accounts_page(accounts: pd.DataFrame) -> str:
    """The accounts of when runs turn, with their constants and errors; one line if there are none."""
    if accounts.empty:
        return "No curvature was measured, or there are too few M.\n"
    lines = [
        "Accounts with three constants, fitted to other M or to the first tenth of training "
        "(analysis/model_selection/accounts.py). Error: root mean square in the relative distance, mean over M; "
        "beside it the difference from the error of log M, with its t interval over M. Constants: fitted to all "
        "points, or to the first tenth.",
        "",
        "| held out | cost of dMMSE_M | r | error | less that of log M | verdict | a | b | c |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in Rows.of("accounts", accounts).records():
        constants = " | ".join(
            f"{row[name]:.2g}" for name in ("loss_weight", "exponent", "cost_weight")
        )
        lines.append(
            f"| {row['split']} | {row['account']} | {written(row['resolution'], None)} | {row['error']:.3f} "
            f"| {written(row['difference'], row['difference_margin'])} | {row['verdict'] or '-'} | {constants} |"
        )
    return "\n".join(lines) + "\n"


#: Column -> a number of each M for one seed.
OF_EACH_DIVERSITY: dict[str, Callable[[Evidence, float, int], float]] = {
    "step of the least OOD loss": lambda of, M, seed: of.critical_step(M, seed),
    "least OOD loss": lambda of, M, seed: of.losses(M, seed, OUT).min(),
    "OOD loss at the end": lambda of, M, seed: of.losses(M, seed, OUT).iloc[-1],
    "dip": lambda of, M, seed: of.dip_and_rise(M, seed)[0],
    "rise": lambda of, M, seed: of.dip_and_rise(M, seed)[1],
    "alpha out: fall": lambda of, M, seed: of.hook(M, seed)[0],
    "rise of it": lambda of, M, seed: of.hook(M, seed)[1],
    "alpha at t_crit": lambda of, M, seed: of.at_critical_step(M, seed),
    "at the end": lambda of, M, seed: of.end(M, seed),
    "deflection": lambda of, M, seed: of.deflection(M, seed),
    "Delta(f, ridge) on q_M at the end": lambda of, M, seed: of.path(M, seed)["ridge"].iloc[-1],
    "Delta(f, dMMSE_M)": lambda of, M, seed: of.path(M, seed)["dmmse"].iloc[-1],
    "LLC at the end": lambda of, M, seed: of.llc(seed).get(M, (math.nan, 0.0))[0],
}


def by_diversity(evidence: Evidence) -> str:
    """A Markdown table with a row per M: means over seeds and their standard errors."""
    names = ["M", "OOD loss of ridge", "of dMMSE_M", *OF_EACH_DIVERSITY]
    try:
        diversities = sorted(evidence.table("relative_distances")["task_diversity"].unique())
    except NotTestableError as error:
        return f"{error}.\n"
    lines = [
        f"Means over {len(evidence.seeds)} seed(s) and their standard errors. Dip and rise are shares of the gap "
        "between the OOD losses of dMMSE_M and ridge; the dip counts from the least OOD loss on paths to dMMSE_M that "
        "avoid ridge. alpha is 0 at ridge and 1 at dMMSE_M, on q_M or, where marked 'out', out of distribution.",
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
