"""The claims scorecard: every statement with its verdict, value and threshold."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ...scorecard.claims import FAILS, HOLDS, UNTESTABLE, measured, tally
from ...scorecard.statements import AT_LEAST, AT_MOST
from ..drawing.picture import figure_of
from ..drawing.style import DOUBLE_COLUMN, marker_key, new_figure

ROW = 0.185  # inches
#: Plain names of the statements, as they are set in figures.
SYMBOLS = {
    "dMMSE_M": r"dMMSE$_M$",
    "lambda_inf": r"$\lambda_\infty$",
    "t_crit": r"$t_{\mathrm{crit}}$",
    "q_M": "$q_M$",
    "n*": "$n^*$",
}
SIGNS = {AT_LEAST: "≥", AT_MOST: "≤"}

#: Blue, orange and grey differ for every kind of colour vision, and the shapes tell them apart without colour.
VERDICTS: dict[str, dict[str, Any]] = {
    HOLDS: {"marker": "o", "color": "#0072b2"},
    FAILS: {"marker": "X", "color": "#d55e00"},
    UNTESTABLE: {"marker": "_", "color": "0.55"},
}


@figure_of("claims")
def draw(frames: Frames) -> Figure:
    """One line of text per statement, in the order of the paper's claims."""
    claims = frames["claims"]
    figure = new_figure(DOUBLE_COLUMN, 0.75 + ROW * len(claims))
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(len(claims) - 0.4, -1.4))
    axes.set_title(tally(claims["verdict"].tolist()))
    for x, text, side in ((0.86, "value", "right"), (0.89, "threshold", "left")):
        axes.text(x, -0.9, text, ha=side, va="center", fontsize=7, color="0.35")
    for height, row in enumerate(claims.to_dict("records")):
        _line(axes, height, row, height == 0 or claims["claim"].iloc[height - 1] != row["claim"])
    marker_key(
        figure,
        (),
        {
            verdict: {"linestyle": "none", "markersize": 6, **look}
            for verdict, look in VERDICTS.items()
        },
    )
    return figure


def _line(axes: Any, height: int, row: Mapping[Any, Any], first: bool) -> None:
    """Verdict, number, statement, value and threshold; a rule above the ``first`` statement of a claim."""
    if first:
        axes.axhline(height - 0.5, color="0.85", linewidth=0.5)
    look = VERDICTS[row["verdict"]]
    axes.plot([0.012], [height], markersize=6, linestyle="none", label="_" + row["verdict"], **look)
    ink = "0.45" if row["verdict"] == UNTESTABLE else "0.0"
    style = {"va": "center", "fontsize": 7, "color": ink}
    axes.text(0.035, height, f"{row['claim']}{row['part']}", **style)
    statement = row["statement"]
    for plain, symbol in SYMBOLS.items():
        statement = statement.replace(plain, symbol)
    axes.text(0.085, height, statement, **style)
    axes.text(0.86, height, measured(row["value"], row["standard_error"]), ha="right", **style)
    axes.text(0.89, height, f"{SIGNS[row['comparison']]} {row['threshold']:.3g}", **style)
