"""Each figure drawn and laid out once for all tests."""

import importlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tests.unit import world_tables
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.figures.drawing import style


def draw(name: str, frames: Mapping) -> Figure:
    """The figure ``name``, drawn from only these ``frames`` and not yet laid out."""
    module = importlib.import_module(f"transient_ridge.{catalogue()[name].module}")
    with style.styled():
        return module.draw.__wrapped__(frames)


def lay_out(figure: Figure) -> Figure:
    """Lay everything out as for a file."""
    with style.styled():
        FigureCanvasAgg(figure)
        figure.draw_without_rendering()
    return figure


class Recorder(dict):
    """Frames that record which of them are read."""

    def __init__(self, frames: Mapping) -> None:
        super().__init__(frames)
        self.used: set[str] = set()

    def __getitem__(self, table: str):
        self.used.add(table)
        return super().__getitem__(table)


class Drawn(NamedTuple):
    """A figure, the tables that it read, and the global settings that it changed."""

    figure: Figure
    used: set[str]
    changed: dict


@pytest.fixture(scope="session")
def drawing(frames) -> Callable[[str], Drawn]:
    """Name -> the figure of that name, drawn once."""

    @cache
    def once(name: str) -> Drawn:
        recorder, before = Recorder(frames), dict(mpl.rcParams)
        figure = lay_out(draw(name, recorder))
        changed = {key: value for key, value in mpl.rcParams.items() if before[key] != value}
        return Drawn(figure, recorder.used, changed)

    return once


@pytest.fixture
def drawn(drawing) -> Callable[[str], Figure]:
    """Name -> the figure; do not change it."""
    return lambda name: drawing(name).figure


@pytest.fixture(scope="session")
def colours():
    """The colour of every M of the world."""
    return style.DiversityColours(world_tables.GRID)
