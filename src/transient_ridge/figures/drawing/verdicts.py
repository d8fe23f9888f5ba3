"""The marks of verdicts in all figures."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ...scorecard.verdicts import (
    FAILS,
    HOLDS,
    MET,
    NO_CLAIM,
    NOT_DISCRIMINATING,
    NOT_MET,
    UNDECIDED,
    UNTESTABLE,
)

#: Blue, orange and grey differ for every kind of colour vision, and the shapes tell them apart without colour.
VERDICTS: dict[str, dict[str, Any]] = {
    HOLDS: {"marker": "o", "color": "#0072b2"},
    MET: {"marker": "o", "color": "#0072b2", "fillstyle": "none"},
    FAILS: {"marker": "X", "color": "#d55e00"},
    NOT_MET: {"marker": "X", "color": "#d55e00", "fillstyle": "none"},
    UNDECIDED: {"marker": "D", "color": "0.35", "fillstyle": "none"},
    NOT_DISCRIMINATING: {"marker": "s", "color": "0.35", "fillstyle": "none"},
    UNTESTABLE: {"marker": "_", "color": "0.55"},
    NO_CLAIM: {"marker": ".", "color": "0.55"},
}
#: The value of a statement in a world where it is false.
NULL: dict[str, Any] = {
    "marker": "|", "color": "0.6", "markersize": 6, "markeredgewidth": 1.6, "linestyle": "none",
}  # fmt: skip


def verdict_key(figure: Figure, null: bool = False) -> None:
    """Explain the marks under the figure, and that of the ``null`` if it is drawn."""
    handles = [
        Line2D([], [], label=verdict.removesuffix(" at this scale"), linestyle="none", **look)
        for verdict, look in VERDICTS.items()
    ]
    if null:
        handles.append(Line2D([], [], label="its null", **NULL))
    figure.legend(
        handles=handles, loc="outside lower center", ncols=3, fontsize=6, markerscale=0.7,
        handletextpad=0.1, columnspacing=1.0,
    )  # fmt: skip
