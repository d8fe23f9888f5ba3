"""Figures of losses and distances over training."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from tests.unit.figures.conftest import draw
from tests.unit.figures.reading import legend, lines, marks, named, panels, same
from tests.unit.world_tables import GRID, INF, SEEDS, STEPS, of_run
from transient_ridge.analysis import views
from transient_ridge.config import runs
from transient_ridge.figures.curves.phase_diagram import threshold_text
from transient_ridge.figures.drawing import style

FINITE = GRID[:-1]
RUNS = [runs.Run(M, seed) for M in GRID for seed in SEEDS]


def mean_over_seeds(frame, M, value):
    return np.mean([of_run(frame, M, seed)[value] for seed in SEEDS], axis=0)


# -- Figure 1 --------------------------------------------------------------------------------


def test_figure1_a_mean_and_range_over_seeds(drawn, frames):
    axes = panels(drawn("figure1"))[0]
    curves = lines(axes)
    assert set(curves) == {str(M) for M in map(float, GRID)}
    losses = views.averages(frames["smoothed_losses"], "out_of_distribution")
    for band, M in zip(axes.collections, GRID, strict=True):
        seeds = np.array([of_run(losses, M, seed)["loss"] for seed in SEEDS])
        steps, mean = curves[str(float(M))]
        np.testing.assert_array_equal(steps, STEPS)
        np.testing.assert_allclose(mean, seeds.mean(axis=0))
        corners = band.get_paths()[0].vertices[:, 1]
        assert (corners.min(), corners.max()) == (seeds.min(), seeds.max())
    assert axes.get_xlabel() == "training step"
    assert axes.transData.transform((0, 2))[0] < axes.transData.transform((1, 2))[0]


def test_figure1_a_critical_steps_and_levels(drawn, frames, colours):
    axes = panels(drawn("figure1"))[0]
    critical = frames["critical_steps"]
    critical = critical[critical["curve"] == "smoothed"]
    same(
        marks(axes, style.CRITICAL),
        [(row.step, row.loss, colours[row.task_diversity]) for row in critical.itertuples()],
    )
    ideal = views.averages(frames["idealised_losses"], "out_of_distribution")
    dmmse = ideal[(ideal["predictor"] == "dmmse") & ~np.isinf(ideal["task_diversity"])]
    same(
        sorted((y, y, colour) for _, y, colour in marks(axes, "dmmse")),
        [(row.loss, row.loss, colours[row.task_diversity]) for row in dmmse.itertuples()],
    )
    (ridge,) = set(ideal[ideal["predictor"] == "ridge"]["loss"])
    assert [(y, colour) for _, y, colour in marks(axes, "ridge")] == [(ridge, colours[INF])]


def test_figure1_b_is_the_plane_of_the_first_two_components(drawn):
    axes = panels(drawn("figure1"))[1]
    assert axes.get_xlabel() == "PC1 (40.0 %)"
    assert axes.get_ylabel() == "PC2 (20.0 %)"
    assert set(lines(axes)) == {run.name for run in RUNS}


def test_figure1_c_distances(drawn, frames, colours):
    axes = panels(drawn("figure1"))[2]
    curves = lines(axes)
    rows = views.averages(frames["distances"], "in_distribution")
    ends, rings = [], []
    t_crit = views.critical_points(frames["critical_steps"], "smoothed")
    for run in RUNS:
        of_both = of_run(rows, *run)
        path = {
            predictor: of_both[of_both["predictor"] == predictor].set_index("step")["distance"]
            for predictor in ("ridge", "dmmse")
        }
        np.testing.assert_array_equal(curves[run.name], (path["ridge"], path["dmmse"]))
        colour = colours[run.task_diversity]
        last, at = STEPS[-1], t_crit[run][0]
        ends.append((path["ridge"][last], path["dmmse"][last], colour))
        rings.append((path["ridge"][at], path["dmmse"][at], colour))
    same(marks(axes, style.END), ends)
    same(marks(axes, style.CRITICAL), rings)


def test_figure1_c_the_diagonal_is_not_a_run(drawn):
    axes = panels(drawn("figure1"))[2]
    (diagonal,) = named(axes, "_equal")
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert tuple(diagonal.get_xdata()) == axes.get_xlim()
    x, y = lines(axes)["Minf-seed0"]
    np.testing.assert_allclose(x, y, rtol=0.02)  # up to the noise of the world
    (run,) = named(axes, "_Minf-seed0")
    assert diagonal.get_linewidth() > 4 * run.get_linewidth()
    assert to_rgb(diagonal.get_color())[0] > 0.8 > to_rgb(run.get_color())[0]


def test_figure1_explains_its_markers(drawn):
    assert legend(drawn("figure1")) == [
        r"dMMSE$_M$", "ridge", r"$t_{\mathrm{crit}}$", "end of training", "equally far from both",
    ]  # fmt: skip


@pytest.mark.parametrize("figure", ["figure1", "raw_curves"])
def test_without_critical_steps(figure, frames, drawn):
    bare = draw(figure, {**frames, "critical_steps": frames["critical_steps"].iloc[:0]})
    assert not any(marks(axes, style.CRITICAL) for axes in panels(bare))
    assert any(marks(axes, style.CRITICAL) for axes in panels(drawn(figure)))


# -- losses ----------------------------------------------------------------------------------


def test_in_distribution_losses(drawn, frames, colours):
    for axes, dataset in zip(
        panels(drawn("in_distribution_losses")), ("in_distribution", "root_task"), strict=True
    ):
        rows = views.averages(frames["smoothed_losses"], dataset)
        curves = lines(axes)
        assert len(curves) == len(GRID)
        for name, (_, mean) in curves.items():
            np.testing.assert_allclose(mean, mean_over_seeds(rows, float(name), "loss"))
        expected = views.idealised_levels(frames["idealised_losses"], dataset)
        found = {(y, c) for kind in ("dmmse", "ridge") for _, y, c in marks(axes, kind)}
        assert found == {(loss, colours[M]) for (_, M), loss in expected.items()}


def test_raw_curves(drawn, frames):
    raw, even = panels(drawn("raw_curves"))
    critical = frames["critical_steps"]
    for axes, table, curve in ((raw, "losses", "raw"), (even, "smoothed_losses", "smoothed")):
        rows = views.averages(frames[table], "out_of_distribution")
        curves = lines(axes)
        for run in RUNS:
            np.testing.assert_array_equal(curves[run.name][1], of_run(rows, *run)["loss"])
        assert [x for x, *_ in marks(axes, style.CRITICAL)] == sorted(
            critical[critical["curve"] == curve]["step"]
        )
    assert not np.array_equal(lines(raw)["M16-seed0"][1], lines(even)["M16-seed0"][1])


def test_training_curves(drawn, frames):
    (axes,) = panels(drawn("training_curves"))
    curves = lines(axes)
    assert len(curves) == len(GRID)
    for name, (steps, mean) in curves.items():
        np.testing.assert_array_equal(steps, STEPS[1:])
        np.testing.assert_allclose(mean, mean_over_seeds(frames["training"], float(name), "loss"))


# -- the phase diagram -----------------------------------------------------------------------


def test_phase_diagram_maps_the_relative_distance(drawn, frames):
    axes, bar = drawn("phase_diagram").axes
    (mesh,) = axes.collections
    relative = frames["relative_distances"].dropna(subset=["relative_distance"])
    expected = relative.groupby(["task_diversity", "step"])["relative_distance"].mean().unstack()
    shown = mesh.get_array().reshape(expected.shape)
    np.testing.assert_allclose(shown.data[~shown.mask], expected.to_numpy()[~shown.mask])
    assert mesh.get_clim() == (0, 1)
    edges = mesh.get_coordinates()[0, :, 0]
    assert ((edges[:-1] < STEPS) & (edges[1:] > STEPS)).all()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [str(M) for M in FINITE]
    assert bar.get_ylabel() == "relative distance"


def test_phase_diagram_marks_critical_steps_and_crossovers(drawn, frames):
    axes = drawn("phase_diagram").axes[0]
    row_of = {M: row for row, M in enumerate(FINITE)}
    critical = frames["critical_steps"]
    critical = critical[(critical["curve"] == "smoothed") & critical["task_diversity"].isin(FINITE)]
    rings = [(x, y) for x, y, colour in marks(axes, style.CRITICAL) if colour != "#ffffff"]
    rows = critical["task_diversity"].map(row_of)
    assert sorted(rings) == sorted(zip(critical["step"].astype(float), rows, strict=True))
    selection = frames["selection"]
    within = (selection["crossover_step"] > 0) & np.isfinite(selection["crossover_step"])
    known = selection[(selection["losses"] == "measured") & within]
    assert 0 < len(known) < (selection["losses"] == "measured").sum()
    triangles = [line for line in named(axes, "_crossover") if line.get_marker() == "^"]
    assert sorted((line.get_xdata()[0], line.get_ydata()[0]) for line in triangles) == sorted(
        zip(known["crossover_step"], known["task_diversity"].map(row_of), strict=True)
    )


def test_phase_diagram_masks_untrained_cells(drawn, frames):
    """Every run of this world halves its first distance well before the end."""
    (mesh,) = drawn("phase_diagram").axes[0].collections
    grey = np.ma.getmaskarray(mesh.get_array()).reshape(len(FINITE), len(STEPS))
    relative = frames["relative_distances"].dropna(subset=["relative_distance"])
    means = relative.groupby(["task_diversity", "step"])[["ridge", "dmmse"]].mean()
    nearer = means.min(axis=1).unstack().to_numpy()
    np.testing.assert_array_equal(grey, nearer > nearer[:, :1] / 2)
    assert grey[:, 0].all()
    assert not grey[:, -1].any()


def test_phase_diagram_shows_that_ridge_is_never_preferred(frames):
    selection = frames["selection"]
    of_16 = (selection["task_diversity"] == 16) & (selection["losses"] == "measured")
    columns = ["crossover", "crossover_low", "crossover_high", "crossover_step"]
    changed = selection.assign(**{name: selection[name].mask(of_16, 0.0) for name in columns})
    axes = draw("phase_diagram", {**frames, "selection": changed}).axes[0]
    hollow = [tuple(map(float, line.get_xydata()[0])) for line in named(axes, "_never")]
    rows = changed[(changed["losses"] == "measured") & (changed["crossover_step"] == 0)]
    assert hollow == [(0.0, FINITE.index(M)) for M in rows["task_diversity"]]
    assert (0.0, FINITE.index(16)) in hollow


def test_phase_diagram_draws_the_threshold_of_each_seed(drawn, frames):
    borders = named(drawn("phase_diagram").axes[0], "_threshold")
    assert len(borders) == len(SEEDS)
    for seed, line in zip(SEEDS, borders, strict=True):
        rows = frames["thresholds"]
        rows = rows[rows["seed"] == seed].sort_values("step")
        assert 64 < rows["threshold"].iloc[-1] < 256
        assert rows["threshold"].isna().any()
        inside = rows["threshold"].between(64, 256).to_numpy()
        # between the rows of M = 64 and M = 256
        np.testing.assert_allclose(
            64 * 4 ** (line.get_ydata()[inside] - 2), rows["threshold"][inside]
        )
        np.testing.assert_array_equal(np.isnan(line.get_ydata()), rows["threshold"].isna())


def test_the_threshold_crosses_no_untrained_cell(frames):
    """M = 256 keeps more than half of its first distance until the second-to-last checkpoint."""
    relative, early = frames["relative_distances"], {}
    own = (relative["task_diversity"] == 256) & (relative["step"] < STEPS[-1])
    for name in ("ridge", "dmmse"):
        first = relative[name][own & (relative["step"] == STEPS[0])].max()
        early[name] = relative[name].mask(own, first)
    changed = {**frames, "relative_distances": relative.assign(**early)}
    lines = named(draw("phase_diagram", changed).axes[0], "_threshold")
    for seed, line in zip(SEEDS, lines, strict=True):
        rows = frames["thresholds"][frames["thresholds"]["seed"] == seed].sort_values("step")
        beside = rows["above"].eq(256).to_numpy()
        assert beside[-2]
        assert np.isnan(line.get_ydata()[:-1][beside[:-1]]).all()
        assert not np.isnan(line.get_ydata()[-1])


def test_the_threshold_is_written_with_its_uncertainty():
    def text(*values, above=64):
        rows = {
            "seed": range(len(values)),
            "step": 9,
            "threshold": values,
            "below": 16,
            "above": above,
        }
        return threshold_text(pd.DataFrame(rows))

    assert text(32.0) == "threshold at the end of training: $M$ = 32, in the grid between 16 and 64"
    error = 2 ** (np.std([4, 6], ddof=1) / 2**0.5)
    assert f"$M$ = 32 $\\times\\div$ {error:.2f} (standard error, 2 seeds)" in text(16.0, 64.0)
    assert text(32.0, math.nan) == "no threshold within the grid at the end of training"
    assert threshold_text(pd.DataFrame({"threshold": [], "step": []})) == "no finite $M$"
