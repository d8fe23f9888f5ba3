"""The content of a drawn figure, read from its axes rather than its pixels."""

import re
from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from transient_ridge.figures.drawing import style

Mark = tuple[float, float, str]


def panels(figure: Figure) -> list[Axes]:
    """Axes that show data, without the strip of colours."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def strip(figure: Figure) -> list[str]:
    """Names in the strip of colours, if the figure has one."""
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    of_diversity = [
        axes for axes in bars if axes.get_ylabel() not in ("relative distance", r"gate $\alpha$")
    ]
    ticks = [
        tick for axes in of_diversity for tick in axes.get_xticklabels() or axes.get_yticklabels()
    ]
    return [tick.get_text() for tick in ticks]


def legend(figure: Figure) -> list[str]:
    """Names in the key of markers under the figure."""
    return [text.get_text() for key in figure.legends for text in key.get_texts()]


def legend_of(axes: Axes) -> list[str]:
    """Names in the panel's own legend, if it has one."""
    found = axes.get_legend()
    return [text.get_text() for text in found.get_texts()] if found else []


def lines(axes: Axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Lines by the name of their run or M."""
    return {
        line.get_label()[1:]: (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in axes.lines
        if re.match(r"_(M?\d|M?inf)", line.get_label())
    }


def named(axes: Axes, label: str) -> list[Line2D]:
    """Lines with this label."""
    return [line for line in axes.lines if line.get_label() == label]


def marks(axes: Axes, kind: str) -> list[Mark]:
    """Positions and colours of the points of a kind, sorted."""
    shape = style._marker(kind)["marker"]
    return sorted(
        (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            to_hex(line.get_markeredgecolor() if kind == style.CRITICAL else line.get_markerfacecolor()),
        )
        for line in axes.lines
        if line.get_marker() == shape
    )  # fmt: skip


def same(found: list[Mark], expected: Iterable[Mark]) -> None:
    """Assert that both have the same points in the same colours."""
    expected = sorted(expected)
    assert [row[2] for row in found] == [row[2] for row in expected]
    np.testing.assert_allclose(
        [row[:2] for row in found], [row[:2] for row in expected], rtol=1e-12
    )


def bars(axes: Axes) -> list[tuple[float, float, float]]:
    """(x, y, half length) of every error bar."""
    found = []
    for container in axes.containers:
        line, _, (collection, *_) = container
        for x, y, segment in zip(*line.get_data(), collection.get_segments(), strict=True):
            found.append((float(x), float(y), float(segment[1, 1] - segment[0, 1]) / 2))
    return sorted(found)


def silent(axes: Axes) -> bool:
    """Whether a panel shows no data and no reason; lines across it do not count as data."""
    across = {id(axes.get_yaxis_transform()), id(axes.get_xaxis_transform())}
    data = [line for line in axes.lines if id(line.get_transform()) not in across]
    return not (data or axes.collections or axes.images or axes.patches or axes.texts)
