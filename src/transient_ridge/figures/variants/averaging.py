"""The curves of raw weights (thin, pale) under those of averaged weights (thick) of the same training."""

from typing import Any

from matplotlib.figure import Figure

from ...analysis.views import by_run
from ...artefacts.tables import Frames
from ..drawing.panels import loss_axis, step_axis
from ..drawing.picture import figure_of
from ..drawing.style import colours_of, marker_key, new_panels, note

PANELS = {
    "out_of_distribution": "OOD loss",
    "in_distribution": "loss on $q_M$",
    "relative_distance": "relative distance on $q_M$",
}
LOOKS: dict[str, dict[str, Any]] = {
    "raw": {"linewidth": 0.6, "alpha": 0.45, "zorder": 1.9},
    "averaged": {"linewidth": 1.5, "alpha": 1.0, "zorder": 2.0},
}


@figure_of("averaging")
def draw(frames: Frames) -> Figure:
    """A line per run, as measured."""
    curves = frames["averaging"]
    colours = colours_of(curves)
    figure, panels = new_panels(1, 3, 3.1, list(PANELS.values()))
    for axes, value in zip(panels, PANELS, strict=True):
        known = curves.dropna(subset=value)
        for weights, look in LOOKS.items():
            for run, rows in by_run(known[known["weights"] == weights]):
                axes.plot(
                    rows["step"], rows[value], label=f"_{run.name}",
                    color=colours[run.task_diversity], **look,
                )  # fmt: skip
        step_axis(axes, curves["step"])
        if value != "relative_distance":
            loss_axis(axes.yaxis)
            axes.set_ylabel("units of $y^2$")
        elif known.empty:
            note(axes, "no finite $M$")
        else:
            axes.set(ylim=(0, 1), yticks=[0, 0.25, 0.5, 0.75, 1])
            axes.set_yticklabels(["ridge", "¼", "½", "¾", r"dMMSE$_M$"])
    colours.key(figure)
    keys = {f"{name} weights": {**look, "color": "0.3"} for name, look in LOOKS.items()}
    marker_key(figure, (), keys)
    return figure
