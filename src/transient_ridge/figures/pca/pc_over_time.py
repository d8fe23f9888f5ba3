"""Every component of the joint PCA against the training step."""

from matplotlib.figure import Figure

from ...analysis.views import by_diversity
from ...artefacts.tables import Frames
from ..drawing.panels import component_label, curves, level
from ..drawing.picture import figure_of
from ..drawing.style import colours_of, marker_key, panels_for, predictors_in


@figure_of("pca_trajectories", "pca_idealised", "pca_variance")
def draw(frames: Frames) -> Figure:
    """A panel per component, with the coordinates of the idealised predictors at the right edge."""
    trajectories, ideal = frames["pca_trajectories"], frames["pca_idealised"]
    colours = colours_of(trajectories)
    components = sorted(int(component) for component in trajectories["component"].unique())
    figure, panels = panels_for(len(components), 2, 0.8, 1.7)
    for axes, component in zip(panels, components, strict=False):
        curves(axes, trajectories[trajectories["component"] == component], "coordinate", colours)
        for M, points in by_diversity(ideal[ideal["component"] == component]):
            for predictor, value in zip(points["predictor"], points["coordinate"], strict=True):
                level(axes, value, predictor, M, colours)
        axes.set_ylabel(component_label(frames["pca_variance"], component))
        if component not in components[-2:]:
            axes.set_xlabel("")
    colours.key(figure)
    marker_key(figure, predictors_in(ideal))
    return figure
