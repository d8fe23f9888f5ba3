"""Colours by frequency: dark for the most frequent, light for the rarest."""

from typing import Any

import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


def frequency_colours(frame: pd.DataFrame, kind: str) -> dict[Any, str]:
    """Colour of each value of the column ``kind``, whose numbers start with the most frequent."""
    numbers = sorted(int(number) for number in frame[kind].unique())
    return {
        number: to_hex(colormaps["viridis"](0.9 * i / max(len(numbers) - 1, 1)))
        for i, number in enumerate(numbers)
    }


def frequency_key(figure: Figure, frame: pd.DataFrame, kind: str, title: str) -> None:
    """Explain the colours in rows under the figure, by the mean of the column ``share``."""
    colours, shares = frequency_colours(frame, kind), frame.groupby(kind)["share"].mean()
    handles = [
        Line2D([], [], color=colours[number], label=f"{100 * share:.2g} %")
        for number, share in shares.items()
    ]
    figure.legend(
        handles=handles, title=title, loc="outside lower center", ncols=min(len(handles), 8),
        borderaxespad=0.2,
    )  # fmt: skip
