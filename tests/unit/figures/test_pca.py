"""Figures of the joint trajectory PCA."""

import numpy as np
import pytest

from tests.unit.figures.conftest import draw
from tests.unit.figures.reading import lines, marks, named, panels, same
from tests.unit.world_tables import COMPONENTS, GRID, INF, SEEDS, STEPS, of_run
from tests.unit.worlds import K
from transient_ridge.analysis.views import critical_points
from transient_ridge.config import runs
from transient_ridge.figures.drawing import style

RUNS = [runs.Run(M, seed) for M in GRID for seed in SEEDS]


def plane_checked(axes, frames, colours, first, second):
    """Assert that the panel shows every run from its farthest point on, its end, its t_crit, and the predictors."""
    curves = lines(axes)
    assert set(curves) == {run.name for run in RUNS}
    t_crit = critical_points(frames["critical_steps"], "smoothed")
    ends, rings = [], []
    for run in RUNS:
        rows = of_run(frames["pca_trajectories"], *run)
        points = np.array(
            [rows[rows["component"] == c]["coordinate"] for c in range(1, COMPONENTS + 1)]
        )
        start = np.linalg.norm(points - points[:, -1:], axis=0).argmax()
        path = points[[first - 1, second - 1]]
        np.testing.assert_array_equal(curves[run.name], path[:, start:])
        colour = colours[run.task_diversity]
        ends.append((*path[:, -1], colour))
        at = STEPS.index(t_crit[run][0])
        if at >= start:
            rings.append((*path[:, at], colour))
    same(marks(axes, style.END), ends)
    assert rings
    same(marks(axes, style.CRITICAL), rings)
    ideal = frames["pca_idealised"].pivot(
        index=["task_diversity", "predictor"], columns="component", values="coordinate"
    )
    for kind in ("ridge", "dmmse"):
        points = [
            (row[first], row[second], colours[M])
            for (M, predictor), row in ideal.iterrows()
            if predictor == kind
        ]
        assert points
        same(marks(axes, kind), points)


def test_a_plane(drawn, frames, colours):
    plane_checked(panels(drawn("figure1"))[1], frames, colours, 1, 2)


def test_pc_pairs(drawn, frames, colours):
    shown = [axes for axes in panels(drawn("pc_pairs")) if axes.axison]
    pairs = [(1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]
    for axes, pair in zip(shown, pairs, strict=True):
        plane_checked(axes, frames, colours, *pair)


def test_pc_over_time(drawn, frames, colours):
    shown = panels(drawn("pc_over_time"))
    assert [axes.get_ylabel()[:3] for axes in shown] == ["PC1", "PC2", "PC3", "PC4"]
    for component, axes in enumerate(shown, start=1):
        rows = frames["pca_trajectories"]
        rows = rows[rows["component"] == component]
        curves = lines(axes)
        assert len(curves) == len(GRID)
        for name, (steps, mean) in curves.items():
            seeds = [of_run(rows, float(name), seed)["coordinate"] for seed in SEEDS]
            np.testing.assert_array_equal(steps, STEPS)
            np.testing.assert_allclose(mean, np.mean(seeds, axis=0))
        ideal = frames["pca_idealised"]
        ideal = ideal[(ideal["component"] == component) & (ideal["predictor"] == "dmmse")]
        assert sorted((y, colour) for _, y, colour in marks(axes, "dmmse")) == sorted(
            (row.coordinate, colours[row.task_diversity]) for row in ideal.itertuples()
        )
        assert [colour for *_, colour in marks(axes, "ridge")] == [colours[INF]]


@pytest.mark.parametrize("figure", ["pc_over_time", "pc_pairs"])
def test_without_idealised_predictors(figure, frames, drawn):
    bare = draw(figure, {**frames, "pca_idealised": frames["pca_idealised"].iloc[:0]})
    assert not any(marks(axes, kind) for axes in panels(bare) for kind in ("ridge", "dmmse"))
    assert any(marks(axes, "ridge") for axes in panels(drawn(figure)))


def test_token_loadings(drawn, frames):
    shown = panels(drawn("token_loadings"))
    assert len(shown) == frames["pca_loadings"]["component"].nunique()
    for component, axes in enumerate(shown, start=1):
        rows = frames["pca_loadings"]
        rows = rows[rows["component"] == component]
        bars = axes.patches
        np.testing.assert_allclose(
            [bar.get_x() + bar.get_width() / 2 for bar in bars], rows["token"]
        )
        np.testing.assert_allclose([bar.get_height() for bar in bars], rows["loading"])
        assert axes.lines[0].get_ydata()[0] == 1 / K


def test_pca_robustness(drawn, frames):
    distance, angle, explained = panels(drawn("pca_robustness"))
    names = [tick.get_text() for tick in distance.get_yticklabels()]
    assert names == [
        "$B$ = 4", "$B$ = 16", "$B$ = 64", "linear checkpoints", "log checkpoints",
        *(f"without $M$ = {style.label(M)}" for M in GRID),
    ]  # fmt: skip
    table = frames["pca_robustness"]
    for count in (2, 4):
        of_16 = table[(table["setting"].str.startswith("M16-")) & (table["components"] == count)]
        assert len(of_16) == len(SEEDS)
        for axes, column, worst in (
            (distance, "trajectory_distance", max), (angle, "angle", max), (explained, "explained_variance_ratio", min),
        ):  # fmt: skip
            (line,) = named(axes, f"_{count}")
            at = names.index("without $M$ = 16")
            assert line.get_xdata()[at] == worst(of_16[column])
            np.testing.assert_array_equal(line.get_ydata(), range(len(names)))
