"""The figure of alpha against the residual."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

from tests.unit.figures.conftest import draw
from tests.unit.figures.reading import lines, marks, panels
from tests.unit.world_tables import GRID, SEEDS, STEPS, of_run
from transient_ridge.analysis.views import critical_points
from transient_ridge.config.runs import Run
from transient_ridge.figures.curves.hook import LEARNT
from transient_ridge.figures.drawing import style

FINITE = GRID[:-1]


def mean_path(frames, M, suffix):
    """alpha and residual of an M by step, mean over seeds."""
    rows = frames["relative_distances"]
    rows = rows[rows["task_diversity"] == M]
    return rows.groupby("step")[[f"alpha{suffix}", f"residual{suffix}"]].mean()


@pytest.mark.parametrize(("panel", "suffix"), [(0, "_out"), (1, "")])
def test_paths_run_from_the_start_of_learning_to_the_end_of_training(
    drawn, frames, colours, panel, suffix
):
    axes = panels(drawn("hook"))[panel]
    assert set(lines(axes)) == {str(float(M)) for M in FINITE}
    ends = []
    for M in FINITE:
        mean = mean_path(frames, M, suffix).to_numpy()
        x, y = lines(axes)[str(float(M))]
        start = len(mean) - len(x)
        np.testing.assert_allclose(np.column_stack([x, y]), mean[start:])
        assert start > 0
        assert y[0] <= LEARNT * mean[0, 1] < mean[start - 1, 1]
        ends.append((*mean[-1], colours[M]))
    found = marks(axes, style.END)
    assert [colour for *_, colour in found] == [colour for *_, colour in sorted(ends)]
    np.testing.assert_allclose([row[:2] for row in found], [row[:2] for row in sorted(ends)])
    assert [row[:2] for row in marks(axes, "ridge")] == [(0, 0)]
    assert [row[:2] for row in marks(axes, "dmmse")] == [(1, 0)]


def test_the_ring_is_at_the_median_t_crit(drawn, frames, colours):
    axes = panels(drawn("hook"))[0]
    t_crit = critical_points(frames["critical_steps"], "smoothed")
    rings = {colour: (x, y) for x, y, colour in marks(axes, style.CRITICAL)}
    assert len(rings) == len(FINITE)
    for M in FINITE:
        middle = np.median([t_crit[Run(M, seed)][0] for seed in SEEDS])
        step = min(STEPS, key=lambda step: abs(step - middle))
        assert rings[colours[M]] == pytest.approx(tuple(mean_path(frames, M, "_out").loc[step]))


def test_arrowheads_point_forward_in_time(drawn, colours):
    for axes in panels(drawn("hook"))[:2]:
        heads = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
        assert {to_hex(head.get_facecolor()) for head in heads} == {colours[M] for M in FINITE}
        for head in heads:
            (M,) = (M for M in FINITE if colours[M] == to_hex(head.get_facecolor()))
            x, y = lines(axes)[str(float(M))]
            (tail, point) = (np.array(end) for end in head._posA_posB)
            nearest = [np.hypot(x - at[0], y - at[1]).argmin() for at in (tail, point)]
            assert nearest[0] <= nearest[1]
            assert np.hypot(*(point - tail)) > 0


def test_alpha_over_time_with_the_range_of_seeds(drawn, frames):
    for axes, suffix in zip(panels(drawn("hook"))[2:], ("_out", ""), strict=True):
        for band, M in zip(axes.collections, FINITE, strict=True):
            alphas = np.array(
                [of_run(frames["relative_distances"], M, seed)[f"alpha{suffix}"] for seed in SEEDS]
            )
            steps, mean = lines(axes)[str(float(M))]
            np.testing.assert_array_equal(steps, STEPS)
            np.testing.assert_allclose(mean, alphas.mean(axis=0))
            corners = band.get_paths()[0].vertices[:, 1]
            assert (corners.min(), corners.max()) == (alphas.min(), alphas.max())


def test_a_run_without_t_crit_has_no_ring(frames, colours):
    critical = frames["critical_steps"]
    untrained = critical.assign(step=critical["step"].where(critical["task_diversity"] != 16, 0))
    made = draw("hook", {**frames, "critical_steps": untrained})
    rings = {colour for *_, colour in marks(panels(made)[0], style.CRITICAL)}
    assert rings == {colours[M] for M in FINITE if M != 16}
