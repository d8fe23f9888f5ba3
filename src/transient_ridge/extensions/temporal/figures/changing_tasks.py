"""alpha over training where tasks change, beside the same runs whose tasks stay."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ....analysis.views import RUN_KEY, by_diversity
from ....artefacts.tables import Frames
from ....figures.drawing.panels import mean_and_range, panel_for_each
from ....figures.drawing.picture import figure_of
from ....figures.drawing.style import colours_of

#: Colour of the runs whose tasks stay.
STAY = "0.45"


@figure_of("unchanged", "relative_distances")
def draw(frames: Frames) -> Figure:
    """A panel per finite M: alpha on q_M, mean and range over seeds; in grey if tasks stay, moved to the same end."""
    unchanged, own = frames["unchanged"], frames["relative_distances"]
    own = own[own["task_diversity"].isin(unchanged["task_diversity"].unique())]
    panels_of = by_diversity(own)
    figure, panels = panel_for_each(
        [M for M, _ in panels_of],
        0.6,
        2.2,
        nothing="no run whose tasks change has one beside it whose tasks stay",
    )
    if not panels_of:
        return figure
    for axes in panels[:, 0]:
        axes.set_ylabel(r"$\alpha$ on $q_M$")
    colours, stays = colours_of(own), dict(by_diversity(ending_with(unchanged, own)))
    for axes, (M, changing) in zip(panels.flatten(), panels_of, strict=False):
        for level in (0, 1):
            axes.axhline(level, color="0.6", linewidth=0.7, linestyle="--", zorder=1)
        mean_and_range(axes, stays[M], "alpha", STAY)
        mean_and_range(axes, changing, "alpha", colours[M])
        axes.set_xlabel("training step")
        axes.set_xlim(0, changing["step"].max())
    handles = [
        Line2D([], [], color=colour, label=label)
        for colour, label in (("black", "tasks change"), (STAY, "tasks stay"))
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, borderaxespad=0.2)
    return figure


def ending_with(unchanged: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """``unchanged`` with the steps of every run moved so that it ends with the same run of ``own``."""
    later = own.groupby(RUN_KEY)["step"].max() - unchanged.groupby(RUN_KEY)["step"].max()
    keys = pd.MultiIndex.from_frame(unchanged[RUN_KEY])
    return unchanged.assign(step=unchanged["step"] + later[keys].to_numpy())
