"""The claims scorecard: a verdict for each claim, that of its weakest statement, and one for every statement."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...artefacts.tables import Frames, Rows
from ...scorecard.statement import AT_LEAST, AT_MOST, PREDICTORS, TITLES
from ...scorecard.verdicts import by_claim, tally, written
from ..drawing.picture import figure_of
from ..drawing.style import SINGLE_COLUMN, new_figure
from ..drawing.verdicts import VERDICTS, verdict_key

CLAIM, LINE = 0.22, 0.145  # inches
NO_BREAK = "\N{NO-BREAK SPACE}"
CHARACTERS = 62  # of a line of the statements' type
#: Plain names of the statements, as they are set in figures.
SYMBOLS = {
    "dMMSE_M": r"dMMSE$_M$",
    "lambda_inf": r"$\lambda_\infty$",
    "t_crit": r"$t_{\mathrm{crit}}$",
    "q_M": "$q_M$",
    "n*": "$n^*$",
}
SIGNS = {AT_LEAST: "≥", AT_MOST: "≤"}


@figure_of("claims")
def draw(frames: Frames) -> Figure:
    """A block for each claim: its title, a sign for each statement, and in small type the weakest of them."""
    rows = Rows.of("claims", frames["claims"]).records()
    weakest = by_claim(rows)
    texts = {claim: _weakest(row) for claim, row in weakest.items()}
    title = wrap(tally(rows), CHARACTERS)
    height = sum(CLAIM + LINE * (len(lines) + 0.5) for lines in texts.values())
    figure = new_figure(SINGLE_COLUMN, height + LINE * (len(title) + 1) + 0.3)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.set_title("\n".join(title), fontsize=7)
    y = 0.0
    for claim, lines in texts.items():
        statements = [row for row in rows if row["claim"] == claim]
        _claim(axes, y, claim, weakest[claim], statements)
        for i, line in enumerate(lines):
            axes.text(
                0.06, y + CLAIM + LINE * (i + 0.5), line, va="center", fontsize=6.5, color="0.3"
            )
        y += CLAIM + LINE * (len(lines) + 0.5)
    verdict_key(figure)
    return figure


def _claim(
    axes: Axes,
    y: float,
    claim: int,
    weakest: Mapping[str, Any] | None,
    statements: Sequence[Mapping[str, Any]],
) -> None:
    """The line of a claim: number and title, and at the right a sign with its letter for each statement."""
    axes.axhline(y, color="0.85", linewidth=0.5)
    middle = y + CLAIM / 2 + 0.02
    if weakest is not None:
        _sign(axes, 0.015, middle, weakest["verdict"], 5.5, "claim")
    axes.text(0.06, middle, f"{claim}  {TITLES[claim]}", va="center", fontsize=7, weight="bold")
    first = 1.0 - 0.05 * len(statements)
    for i, row in enumerate(statements):
        x = first + 0.05 * i
        aside = row["about"] == PREDICTORS
        _sign(axes, x, middle, row["verdict"], 3.2, "statement", alpha=0.35 if aside else 1.0)
        axes.text(x + 0.016, middle, row["part"], va="center", fontsize=6, color="0.35")


def _sign(axes: Axes, x: float, y: float, verdict: str, size: float, of: str, **how: Any) -> None:
    look = {"markersize": size, "linestyle": "none", **VERDICTS[verdict], **how}
    axes.plot([x], [y], label=f"_{of} {verdict}", **look)


def _weakest(row: Mapping[str, Any] | None) -> list[str]:
    """What the weakest statement says and comes to, in lines."""
    if row is None:
        return ["about the idealised predictors alone: not a finding"]
    text = f"{row['part']}: {row['statement']}"
    if row["value"] is not None:
        compared = f"{SIGNS[row['comparison']]} {row['threshold']:.3g}"
        numbers = f"({written(row['value'], row['margin'])}, {compared})"
        text += f" {numbers.replace(' ', NO_BREAK)}"
    return [_set(line) for line in wrap(text, CHARACTERS)]


def _set(text: str) -> str:
    for plain, symbol in SYMBOLS.items():
        text = text.replace(plain, symbol)
    return text
