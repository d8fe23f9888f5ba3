"""From tables to picture files."""

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ...artefacts import tables
from ...artefacts.files import complete_file
from ...artefacts.provenance import collect, lasting, seal, unseal
from ..catalogue import module_of
from .style import STYLE

PNG_DPI = 200


def render(figure: str, sources: Mapping[str, Sequence[Path]], png: Path, svg: Path) -> None:
    """Draw ``figure`` from its tables (name -> files, which are concatenated) as PNG and SVG.

    Both files carry provenance in their metadata; the same tables give the same files, byte for byte,
    in the same environment, wherever the tables lie.
    """
    module = importlib.import_module(f"transient_ridge.figures.{module_of(figure)}")
    frames = tables.read_all(sources)
    inputs = [path for paths in sources.values() for path in paths]
    whole = collect({"figure": figure}, inputs=inputs, tables=_origins(sources))
    record = json.dumps(lasting(whole), sort_keys=True)
    with mpl.rc_context(STYLE):
        drawn = module.draw(frames)
        FigureCanvasAgg(drawn)
        for picture in (png, svg):
            unseal(picture)
        with complete_file(png) as partial:
            metadata = {"Software": "transient-ridge", "Description": record}
            drawn.savefig(partial, format="png", dpi=PNG_DPI, metadata=metadata)
        with complete_file(svg) as partial:
            drawn.savefig(partial, format="svg", metadata={"Date": None, "Description": record})
    for picture in (png, svg):
        seal(picture, whole)


def _origins(sources: Mapping[str, Sequence[Path]]) -> dict[str, list[dict[str, Any]]]:
    """For each table, the settings, code and run that its files were made with, without repetitions."""
    origins: dict[str, list[dict[str, Any]]] = {}
    for table, paths in sources.items():
        records = [record for path in paths for record in tables.origins(path)]
        wanted: tuple[str, ...] = ("settings_hash", "git", "run")
        kept = [{key: record[key] for key in wanted if key in record} for record in records]
        origins[table] = [record for i, record in enumerate(kept) if record not in kept[:i]]
    return origins
