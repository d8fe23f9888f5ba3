"""Names of points in a column beside a panel, where they cannot overlap."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import ConnectionPatch
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

#: Height of a name in inches, including the space to the next, and its size in points.
LINE_HEIGHT = 0.125
SIZE = 6.5


def name_points(
    axes: Axes, points: Sequence[tuple[float, float]], names: Sequence[str], height: float
) -> None:
    """Write the name of each point (x, y) to the right of ``axes``, with a thin line to it.

    ``height`` is the panel's in inches; the limits of its axes must be set.
    """
    low, high = axes.get_ylim()
    wanted = [(y - low) / (high - low) for _, y in points]
    for (x, y), name, at in zip(points, names, spread(wanted, LINE_HEIGHT / height), strict=True):
        axes.text(1.05, at, name, transform=axes.transAxes, va="center", fontsize=SIZE)
        line = ConnectionPatch(
            (x, y), (1.04, at), "data", "axes fraction", axesA=axes, axesB=axes, color="0.7",
            linewidth=0.4, zorder=1, clip_on=False,
        )  # fmt: skip
        axes.add_artist(line)


def spread(wanted: Sequence[float], gap: float) -> NDArray[np.float64]:
    """Places in [0, 1] in the order of those ``wanted``, at least ``gap`` apart and as near to them as possible.

    If there are too many, they are evenly spaced and closer together than ``gap``.
    """
    count = len(wanted)
    gap = min(gap, 1 / max(count - 1, 1))
    order = np.argsort(wanted, kind="stable")
    offsets = gap * np.arange(count)
    rising = IsotonicRegression(y_min=0, y_max=max(1 - gap * (count - 1), 0))
    places = np.empty(count)
    places[order] = offsets + rising.fit_transform(
        np.arange(count), np.asarray(wanted)[order] - offsets
    )
    return places
