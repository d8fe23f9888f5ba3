"""The marks of verdicts in all figures."""

from typing import Any

from matplotlib.figure import Figure

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
from .style import key

#: Blue, orange and grey differ for any colour vision; the shapes differ without colour.
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
#: The value of a statement in its null world.
NULL: dict[str, Any] = {
    "marker": "|", "color": "0.6", "markersize": 6, "markeredgewidth": 1.6, "linestyle": "none",
}  # fmt: skip


def verdict_key(figure: Figure, null: bool = False) -> None:
    """Explain the marks under the figure, including that of the ``null`` if it is drawn."""
    looks = {
        verdict.removesuffix(" at this scale"): {**look, "linestyle": "none"}
        for verdict, look in VERDICTS.items()
    }
    nulls = {"its null": NULL} if null else {}
    small = {"fontsize": 6, "markerscale": 0.7, "handletextpad": 0.1, "columnspacing": 1.0}
    key(figure, looks | nulls, most=3, **small)
