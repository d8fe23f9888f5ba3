"""The claims scorecard: a sign for every statement of the paper, and in words what each claim comes to."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...artefacts.tables import Frames, Rows
from ...scorecard.statement import FURTHER, TITLES
from ...scorecard.verdicts import ClaimVerdict, by_claim, tally
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


@figure_of("claims")
def draw(frames: Frames) -> Figure:
    """A block for each claim: its title, a sign for each statement, and in small type its verdict."""
    rows = Rows.of("claims", frames["claims"]).records()
    texts = {claim: _verdict(found) for claim, found in by_claim(rows).items()}
    title = wrap(tally(rows), CHARACTERS)
    height = sum(CLAIM + LINE * (len(lines) + 0.5) for lines in texts.values())
    figure = new_figure(SINGLE_COLUMN, height + LINE * (len(title) + 1) + 0.6)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.set_title("\n".join(title), fontsize=7)
    y = 0.0
    for claim, lines in texts.items():
        own = [row for row in rows if row["claim"] == claim and row["kind"] != FURTHER]
        _claim(axes, y, claim, own)
        for i, line in enumerate(lines):
            axes.text(
                0.06, y + CLAIM + LINE * (i + 0.5), line, va="center", fontsize=6.5, color="0.3"
            )
        y += CLAIM + LINE * (len(lines) + 0.5)
    verdict_key(figure)
    return figure


def _claim(axes: Axes, y: float, claim: int, statements: Sequence[Mapping[str, Any]]) -> None:
    """The line of a claim: number and title, and at the right a sign with its letter for each statement."""
    axes.axhline(y, color="0.85", linewidth=0.5)
    middle = y + CLAIM / 2 + 0.02
    axes.text(0.02, middle, f"{claim}  {TITLES[claim]}", va="center", fontsize=7, weight="bold")
    first = 1.0 - 0.045 * len(statements)
    for i, row in enumerate(statements):
        x = first + 0.045 * i
        _sign(axes, x, middle, row["verdict"], 3.2, "statement")
        axes.text(x + 0.014, middle, row["part"], va="center", fontsize=6, color="0.35")


def _sign(axes: Axes, x: float, y: float, verdict: str, size: float, of: str, **how: Any) -> None:
    look = {"markersize": size, "linestyle": "none", **VERDICTS[verdict], **how}
    axes.plot([x], [y], label=f"_{of} {verdict}", **look)


def _verdict(found: ClaimVerdict) -> list[str]:
    """The verdict and the statements that do not hold, in lines."""
    text = ": ".join(filter(None, (found.verdict, ", ".join(found.others))))
    return [_set(line) for line in wrap(text, CHARACTERS)]


def _set(text: str) -> str:
    for plain, symbol in SYMBOLS.items():
        text = text.replace(plain, symbol)
    return text
