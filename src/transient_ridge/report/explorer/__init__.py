"""The interactive explorer: one HTML file that contains its data and its plotting library.

The page opens from disk and needs no network (its content security policy forbids any). Data and Plotly are compressed,
so that the file stays below 5 MB at the paper's scale.
"""

import base64
import gzip
import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from ...analysis.datasets import IN_DISTRIBUTION, OUT_OF_DISTRIBUTION, ROOT
from ...analysis.views import by_run, critical_points, idealised_levels, of_run, whole_model
from ...artefacts.pages import RECORD, Page
from ...artefacts.tables import Frames
from ...config.registries import PREDICTORS
from ...config.runs import Run
from ...config.settings import PresetName
from ...figures.drawing.style import DarkDiversityColours, DiversityColours, colours_of, label
from ...stage import stage

#: Most checkpoints drawn per run, to bound the size of the page; more are thinned evenly in log(step).
POINTS = 400

LOSSES = {"ood": OUT_OF_DISTRIBUTION, "inside": IN_DISTRIBUTION, "root": ROOT}

#: Plotly's name of every filled marker of matplotlib; any other marker is drawn as a bow tie.
SYMBOLS = {
    ".": "circle-dot",
    "o": "circle",
    "v": "triangle-down",
    "^": "triangle-up",
    "<": "triangle-left",
    ">": "triangle-right",
    "8": "octagon",
    "s": "square",
    "p": "pentagon",
    "*": "star",
    "h": "hexagon2",
    "H": "hexagon",
    "D": "diamond",
    "d": "diamond-tall",
    "P": "cross",
    "X": "x",
}


@stage(
    "page",
    tables=(
        "pca_trajectories",
        "pca_idealised",
        "pca_variance",
        "smoothed_losses",
        "idealised_losses",
        "critical_steps",
        "relative_distances",
        "llc",
    ),
)
def make_explorer(frames: Frames, preset: PresetName) -> Page:
    """The explorer: all trajectories, losses and LLCs under one slider, in one HTML file; ``llc`` may be empty."""
    return Page(_page(payload(frames, f"transient-ridge: {preset}")))


def payload(frames: Frames, title: str) -> dict[str, Any]:
    """Everything the page shows, as JSON values: runs, idealised predictors, steps of the slider."""
    trajectories = frames["pca_trajectories"]
    steps = thinned(sorted(int(step) for step in trajectories["step"].unique()))
    colours = colours_of(trajectories)
    dark = DarkDiversityColours(colours.values)
    variance = frames["pca_variance"].sort_values("component")
    ratios = variance["explained_variance_ratio"].tolist()
    return {
        "title": title,
        "steps": steps,
        "components": [f"PC{c} ({100 * r:.1f} %)" for c, r in enumerate(ratios, start=1)],
        "diversities": [
            {"label": label(M), "light": colours[M], "dark": dark[M]} for M in colours.values
        ],
        "runs": [
            _run(run, rows, frames, steps, colours.values.index(run.task_diversity))
            for run, rows in by_run(trajectories)
        ],
        "ideal": _ideal(frames, colours),
        "ridge": _rounded(
            [idealised_levels(frames["idealised_losses"], LOSSES["ood"]).get(("ridge", math.inf))]
        )[0],
        "llc": not frames["llc"].empty,
    }


def thinned(steps: Sequence[int]) -> list[int]:
    """About :data:`POINTS` of the ascending ``steps``, evenly spaced in log(step + 1), with both ends."""
    if len(steps) <= POINTS:
        return list(steps)
    wanted = np.linspace(np.log1p(steps[0]), np.log1p(steps[-1]), POINTS)
    nearest = np.searchsorted(np.log1p(steps), wanted - 1e-12)
    return sorted({steps[i] for i in nearest})


def _run(
    run: Run, rows: pd.DataFrame, frames: Frames, steps: Sequence[int], group: int
) -> dict[str, Any]:
    """One run: its values at the thinned steps, its LLC at the steps where it was measured."""
    wide = rows.pivot(index="step", columns="component", values="coordinate").sort_index()
    wide = wide[wide.index.isin(steps)]
    relative = of_run(frames["relative_distances"], *run).set_index("step")["relative_distance"]
    smoothed = frames["smoothed_losses"]
    smoothed = of_run(smoothed[smoothed["token"].isna()], *run)
    losses = smoothed.pivot(index="step", columns="dataset", values="loss").reindex(wide.index)
    critical = critical_points(frames["critical_steps"], "smoothed").get(run)
    found: dict[str, Any] = {
        "name": run.name,
        "group": group,
        "seed": run.seed,
        "steps": wide.index.tolist(),
        "pc": [_rounded(wide[component]) for component in wide],
        **{name: _rounded(losses[dataset]) for name, dataset in LOSSES.items()},
        "relative": _rounded(relative.reindex(wide.index)),
        "critical": critical[0] if critical else None,
    }
    if not frames["llc"].empty:
        llc = frames["llc"]
        measured = of_run(whole_model(llc[llc["healthy"].astype(bool)]), *run).sort_values("step")
        found["llc"] = {
            "steps": measured["step"].tolist(),
            "value": _rounded(measured["llc"]),
            "error": _rounded(measured["standard_error"]),
        }
    return found


def _ideal(frames: Frames, colours: DiversityColours) -> list[dict[str, Any]]:
    """Points of the predictors: one for each M of the grid, or one for all M, with the group null."""
    found = []
    points: Any = frames["pca_idealised"].groupby(["task_diversity", "predictor"])
    for (M, predictor), rows in points:
        if math.isinf(M) or M in colours:
            found.append(
                {
                    "name": predictor if math.isinf(M) else f"{predictor}, M = {label(M)}",
                    "symbol": SYMBOLS.get(PREDICTORS.constant(predictor, "MARKER"), "bowtie"),
                    "group": None if math.isinf(M) else colours.values.index(M),
                    "pc": _rounded(rows.sort_values("component")["coordinate"]),
                }
            )
    return found


def _rounded(values: Any) -> list[float | None]:
    """Round to five significant digits; unknown and infinite values become None, since JSON has neither."""
    return [
        float(f"{value:.5g}") if value is not None and math.isfinite(value) else None
        for value in values
    ]


def _page(data: Mapping[str, Any]) -> str:
    """The template, filled with style, script, library and data."""
    parts = {name: _part(name) for name in ("page.html", "style.css", "script.js")}
    return Template(parts["page.html"]).substitute(
        title=html.escape(data["title"]),
        style=parts["style.css"],
        script=parts["script.js"],
        library=_packed(get_plotlyjs()),
        data=_packed(json.dumps(data, separators=(",", ":"), allow_nan=False)),
        provenance=RECORD,
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _packed(text: str) -> str:
    """``text`` as base64 of gzip; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
