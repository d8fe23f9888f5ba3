"""Sensitivity of the joint PCA to B, the checkpoint schedule and single runs."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ...artefacts.tables import Frames
from ...config.runs import Run
from ..drawing.picture import figure_of
from ..drawing.style import label, marker_key, new_panels

PANELS = {
    "trajectory_distance": "Procrustes distance",
    "angle": "largest angle (degrees)",
    "explained_variance_ratio": "share of the variance",
}
TITLES = ("trajectories", "components", "explained")
PLANE: dict[str, Any] = {"marker": "o", "color": "#0072b2", "markersize": 4.5, "linestyle": "none"}
ALL: dict[str, Any] = {"marker": "D", "color": "#e69f00", "markersize": 4, "linestyle": "none"}


@figure_of("pca_robustness")
def draw(frames: Frames) -> Figure:
    """A row per alternative fit, with two components and with all; among left-out runs of an M, the worst seed."""
    table = frames["pca_robustness"]
    rows = rows_of(table[~table["reference"]])
    names = list(dict.fromkeys(rows["name"]))
    figure, panels = new_panels(1, 3, 1.0 + 0.17 * max(3, len(names)), TITLES, sharey=True)
    counts = sorted(table["components"].unique())
    looks = dict(zip(counts, (PLANE, ALL), strict=False))
    for axes, (column, title) in zip(panels, PANELS.items(), strict=True):
        for count, look in looks.items():
            points = rows[rows["components"] == count]
            axes.plot(points[column], points["name"].map(names.index), label=f"_{count}", **look)
        axes.set_xlabel(title)
        axes.set_xlim(0, 1 if column == "explained_variance_ratio" else None)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(max(len(names), 1) - 0.4, -0.6)
    marker_key(figure, (), {f"{count} components": look for count, look in looks.items()})
    return figure


def rows_of(table: pd.DataFrame) -> pd.DataFrame:
    """``table`` with a readable ``name``, and one row per name and number of components, for the worst seed."""
    named = table.assign(
        name=[_name(row["check"], row["setting"]) for row in table.to_dict("records")]
    )
    worst = {"trajectory_distance": "max", "angle": "max", "explained_variance_ratio": "min"}
    grouped = named.groupby(["name", "components"], sort=False).agg(worst)
    return grouped.reset_index()


def _name(check: str, setting: str) -> str:
    if check == "sequences":
        return f"$B$ = {setting}"
    if check == "schedule":
        return f"{setting} checkpoints"
    M = Run.parse(setting).task_diversity
    return f"without $M$ = {label(M)}"
