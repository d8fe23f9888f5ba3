"""The interactive explorer: one HTML file with its data and its plotting library in it.

The page opens from disk and asks no network for anything (its content security policy forbids it). Data and Plotly are
packed with gzip and unpacked by the browser, so that the whole stays below 5 MB at the paper's scale.
"""

import base64
import gzip
import html
import json
import math
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from plotly.offline import get_plotlyjs

from ...analysis.views import by_diversity, by_run, critical_points, idealised_levels
from ...artefacts import tables
from ...artefacts.files import complete_file
from ...artefacts.provenance import collect, lasting, seal
from ...config.runs import Run
from ...figures.drawing.style import DarkDiversityColours, DiversityColours, colours_of, label

#: Checkpoints of a run that are drawn at most; more are thinned evenly in log(step). It bounds the size of the page.
POINTS = 400

LOSSES = {"ood": "out_of_distribution", "inside": "in_distribution", "root": "root_task"}


def describe_explorer(
    sources: Mapping[str, Sequence[Path]], settings: Mapping[str, Any], page: Path
) -> None:
    """Write the explorer of the tables in ``sources``; `llc` may be missing."""
    data = payload(tables.read_all(sources), settings["title"])
    inputs = [path for paths in sources.values() for path in paths]
    record = collect(settings, inputs=inputs)
    with complete_file(page) as partial:
        partial.write_text(_page(data, lasting(record)))
    seal(page, record)


def payload(frames: tables.Frames, title: str) -> dict[str, Any]:
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
        "llc": "llc" in frames,
    }


def thinned(steps: Sequence[int]) -> list[int]:
    """At most about :data:`POINTS` of the ascending ``steps``, evenly spaced in log(step + 1), both ends included."""
    if len(steps) <= POINTS:
        return list(steps)
    wanted = np.linspace(np.log1p(steps[0]), np.log1p(steps[-1]), POINTS)
    nearest = np.searchsorted(np.log1p(steps), wanted - 1e-12)
    return sorted({steps[i] for i in nearest})


def _run(
    run: Run, rows: pd.DataFrame, frames: tables.Frames, steps: Sequence[int], group: int
) -> dict[str, Any]:
    """One run at the thinned steps that it has; its LLC at the steps where that was measured."""
    wide = rows.pivot(index="step", columns="component", values="coordinate").sort_index()
    wide = wide[wide.index.isin(steps)]
    relative = _of_run(frames["relative_distances"], run).set_index("step")["relative_distance"]
    smoothed = frames["smoothed_losses"]
    smoothed = _of_run(smoothed[smoothed["token"].isna()], run)
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
    if "llc" in frames:
        llc = frames["llc"]
        whole = (llc["component"] == "all") & llc["token"].isna() & llc["healthy"]
        measured = _of_run(llc[whole], run).sort_values("step")
        found["llc"] = {
            "steps": measured["step"].tolist(),
            "value": _rounded(measured["llc"]),
            "error": _rounded(measured["standard_error"]),
        }
    return found


def _of_run(frame: pd.DataFrame, run: Run) -> pd.DataFrame:
    of_diversity = (
        frame["task_diversity"].isna()
        if math.isinf(run.task_diversity)
        else frame["task_diversity"] == run.task_diversity
    )
    return frame[of_diversity & (frame["seed"] == run.seed)]


def _ideal(frames: tables.Frames, colours: DiversityColours) -> list[dict[str, Any]]:
    """Points of dMMSE_M, for the M of the grid, and of ridge."""
    found = []
    for M, rows in by_diversity(frames["pca_idealised"]):
        ridge = rows["predictor"].iloc[0] == "ridge"
        if ridge or M in colours:
            group = colours.values.index(M) if M in colours else None
            coordinates = _rounded(rows.sort_values("component")["coordinate"])
            name = "ridge" if ridge else f"dMMSE, M = {label(M)}"
            found.append({"name": name, "ridge": bool(ridge), "group": group, "pc": coordinates})
    return found


def _rounded(values: Any) -> list[float | None]:
    """Five significant digits; what is unknown or infinite becomes null, which JSON has."""
    return [
        float(f"{value:.5g}") if value is not None and math.isfinite(value) else None
        for value in values
    ]


def _page(data: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The template with style, script, library and data put in."""
    parts = {name: _part(name) for name in ("page.html", "style.css", "script.js")}
    return Template(parts["page.html"]).substitute(
        title=html.escape(data["title"]),
        style=parts["style.css"],
        script=parts["script.js"],
        library=_packed(get_plotlyjs()),
        data=_packed(json.dumps(data, separators=(",", ":"), allow_nan=False)),
        provenance=html.escape(json.dumps(record, sort_keys=True)),
    )


def _part(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _packed(text: str) -> str:
    """``text`` as base64 of gzip; the same text gives the same bytes."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
