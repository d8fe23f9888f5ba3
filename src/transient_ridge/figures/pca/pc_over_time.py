"""Every component of the joint PCA against the training step."""

from matplotlib.figure import Figure

from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import component_label, curves, level
from ..drawing.picture import figure_of
from ..drawing.style import DOUBLE_COLUMN, colours_of, marker_key, new_figure, predictors_in


@figure_of("pca_trajectories", "pca_idealised", "pca_variance")
def draw(frames: Frames) -> Figure:
    """One panel per component, the idealised predictors' coordinates at the right edge."""
    trajectories, ideal = frames["pca_trajectories"], frames["pca_idealised"]
    colours = colours_of(trajectories)
    components = sorted(int(component) for component in trajectories["component"].unique())
    rows = (len(components) + 1) // 2
    figure = new_figure(DOUBLE_COLUMN, 0.8 + 1.7 * rows)
    panels = figure.subplots(rows, 2, squeeze=False).flatten()
    for axes, component in zip(panels, components, strict=False):
        curves(axes, trajectories[trajectories["component"] == component], "coordinate", colours)
        for M, points in by_diversity(ideal[ideal["component"] == component]):
            for predictor, value in zip(points["predictor"], points["coordinate"], strict=True):
                level(axes, value, predictor, M, colours)
        axes.set_ylabel(component_label(frames["pca_variance"], component))
        if component not in components[-2:]:
            axes.set_xlabel("")
    for axes in panels[len(components) :]:
        axes.remove()
    colours.key(figure, panels[: len(components)])
    marker_key(figure, predictors_in(ideal))
    return figure
