"""A figure as an artefact, and the decorator of functions that draw one."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...analysis.variants.draws import draws_as_seeds
from ...artefacts.files import complete_file
from ...artefacts.provenance import lasting, seal, unseal
from ...artefacts.tables import Frames
from ...stage import stage
from . import style

PNG_DPI = 200

Draw = Callable[[Frames], Figure]


@dataclass(frozen=True)
class Picture:
    """A figure to be written as PNG or SVG, by the suffix of the path."""

    figure: Figure

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the file with ``record`` in its metadata and beside it.

        In the same environment the same tables give the same file, byte for byte, wherever they are.
        """
        description = json.dumps(lasting(record), sort_keys=True)
        metadata = {
            ".png": {"Software": "transient-ridge", "Description": description},
            ".svg": {"Creator": "transient-ridge", "Date": None, "Description": description},
        }[path.suffix]
        unseal(path)
        with style.styled(), complete_file(path) as partial:
            FigureCanvasAgg(self.figure)
            kind = path.suffix.removeprefix(".")
            self.figure.savefig(partial, format=kind, dpi=PNG_DPI, metadata=metadata)
        seal(path, record)


def figure_of(
    *tables: str, over_draws: bool = False
) -> Callable[[Draw], Callable[[Frames], tuple[Picture, Picture]]]:
    """Decorator: the function draws the figure of its module from these ``tables``.

    The figure is about the first of them, and is not drawn for a variant in which no run has it.
    A figure ``over_draws`` receives the tables of all variants that differ in their root seed, each draw as a seed.
    """

    def mark(draw: Draw) -> Callable[[Frames], tuple[Picture, Picture]]:
        @stage("png", "svg", tables=tables, across=over_draws)
        @wraps(draw)
        def pictures(frames: Frames) -> tuple[Picture, Picture]:
            with style.styled():
                picture = Picture(draw(draws_as_seeds(frames) if over_draws else frames))
            return picture, picture

        return pictures

    return mark
