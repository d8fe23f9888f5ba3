"""The claims scorecard: a row per statement of the paper, with its value, interval and null on one axis."""

import math
from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...artefacts.tables import Frames, Rows
from ...scorecard.statement import FURTHER, TITLES
from ...scorecard.verdicts import CONTRADICTED, Row, by_claim, excess_of, tally
from ..drawing.picture import figure_of
from ..drawing.style import SINGLE_COLUMN, new_panels
from ..drawing.verdicts import NULL, VERDICTS, verdict_key

CLAIM, LINE, GAP = 0.2, 0.095, 0.07  # inches
CHARACTERS = 37  # in a line of a statement
#: The ends of the axis, as shares of the figure's width, and its reach from the threshold, in units of the threshold.
LEFT, RIGHT, FAR = 0.56, 0.99, 1.25
FAINT = "0.85"
#: Plain names in statements -> symbols in the figure.
SYMBOLS = {
    "dMMSE_M": r"dMMSE$_M$",
    "lambda_inf": r"$\lambda_\infty$",
    "t_crit": r"$t_{\mathrm{crit}}$",
    "q_M": "$q_M$",
    "n*": "$n^*$",
}


@figure_of("claims")
def draw(frames: Frames) -> Figure:
    """A block per claim; across, how far a value is beyond its threshold, in units of the threshold."""
    rows = Rows.of("claims", frames["claims"]).records()
    verdicts = by_claim(rows)
    asked = {
        claim: [row for row in rows if row["claim"] == claim and row["kind"] != FURTHER]
        for claim in verdicts
    }
    texts = {row["statement"]: wrap(row["statement"], CHARACTERS) for row in rows}
    steps = {statement: LINE * len(text) + GAP for statement, text in texts.items()}
    height = sum(CLAIM + sum(steps[row["statement"]] for row in own) for own in asked.values())
    title = wrap(tally(rows), 62)
    total = height + LINE * (len(title) + 1) + 0.75
    figure, (axes,) = new_panels(1, 1, total, width=SINGLE_COLUMN)
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(height, 0))
    axes.set_title("\n".join(title), fontsize=7)
    y = 0.0
    for claim, own in asked.items():
        _claim(axes, y, claim, verdicts[claim].verdict)
        first = y = y + CLAIM
        for row in own:
            step = steps[row["statement"]]
            _statement(axes, y + step / 2, row, texts[row["statement"]])
            y += step
        axes.plot([_across(0)] * 2, [first, y], color="0.6", linewidth=0.6, zorder=0)
    verdict_key(figure, null=True)
    return figure


def _across(excess: float) -> float:
    """Horizontal place of a value that lies ``excess`` thresholds beyond its own; at the edge if too far."""
    share = (max(-FAR, min(FAR, excess)) + FAR) / (2 * FAR)
    return LEFT + share * (RIGHT - LEFT)


def _claim(axes: Axes, y: float, claim: int, verdict: str) -> None:
    axes.axhline(y, color=FAINT, linewidth=0.5)
    middle = y + CLAIM / 2 + 0.01
    axes.text(0.0, middle, f"{claim}  {TITLES[claim]}", va="center", fontsize=6.5, weight="bold")
    axes.text(1.0, middle, verdict, va="center", ha="right", fontsize=6, color="0.3")


def _statement(axes: Axes, y: float, row: Row, text: Sequence[str]) -> None:
    """Its letter and text, and on the right its null, interval and value, or why there is none."""
    axes.text(0.0, y, f"{row['part']}", va="center", fontsize=6, color="0.35")
    axes.text(0.035, y, _set("\n".join(text)), va="center", fontsize=5.5, linespacing=1.1)
    unit = abs(row["threshold"]) or 1.0

    def at(value: float) -> float:
        return excess_of(row["comparison"], value, row["threshold"]) / unit

    null = row["null_value"]
    if null is not None or row["null_outcome"] == CONTRADICTED:
        x = _across(at(null) if null is not None and math.isfinite(null) else -FAR)
        axes.plot([x], [y], label="_null", **NULL)
    value = row["value"]
    if value is None or not math.isfinite(value):
        reason = str(row["verdict"]).removesuffix(" at this scale")
        axes.text(_across(0) + 0.015, y, reason, va="center", fontsize=5.5, color="0.45")
        return
    if row["margin"] is not None:
        ends = [_across(at(value + side * row["margin"])) for side in (-1, 1)]
        axes.plot(ends, [y, y], color="0.35", linewidth=0.9, zorder=1, label="_interval")
    look: dict[str, Any] = {"markersize": 3.6, "linestyle": "none", **VERDICTS[row["verdict"]]}
    axes.plot([_across(at(value))], [y], label=f"_value {row['verdict']}", zorder=3, **look)


def _set(text: str) -> str:
    for plain, symbol in SYMBOLS.items():
        text = text.replace(plain, symbol)
    return text
