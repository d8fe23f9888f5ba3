"""Figures of the extensions."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from tests.unit import worlds
from tests.unit.figures.conftest import draw, lay_out
from tests.unit.figures.reading import bars, legend, panels
from tests.unit.world_tables import GRID, LLC_STEPS, SEEDS, STEPS, of_run
from tests.unit.worlds import FEATURES, TASKS
from transient_ridge.analysis import views
from transient_ridge.figures.drawing import style

FINITE = GRID[:-1]


def mean_over_seeds(frame, M, value):
    return np.mean([of_run(frame, M, seed)[value] for seed in SEEDS], axis=0)


def mean_and_error(frame, M, step, value):
    """Mean over seeds and its standard error."""
    rows = frame[(frame["task_diversity"] == M) & (frame["step"] == step)][value]
    return rows.mean(), rows.std(ddof=1) / math.sqrt(len(rows))


def test_the_gate_has_a_panel_per_finite_m_with_the_mean_over_seeds(drawn, frames):
    axes = panels(drawn("in_weight_gate"))
    gates = frames["gates"]
    own = gates[(gates["dataset"] == "in_distribution") & (gates["token"] == 1)]
    for panel, M in zip(axes, FINITE, strict=True):
        assert panel.get_title(loc="left") == f"$M$ = {style.label(M)}"
        (mesh,) = panel.collections
        np.testing.assert_allclose(
            np.asarray(mesh.get_array()), [mean_over_seeds(own, M, "gate")], rtol=1e-12
        )
        assert mesh.get_clim() == (0, 1)
        # The cell of position 1 surrounds it, and the cell of every checkpoint contains its step.
        borders = mesh.get_coordinates()
        assert borders[:, 0, 1].tolist() == [0.5, 1.5]
        assert (borders[0, :-1, 0] < STEPS).all()
        assert (borders[0, 1:, 0] > STEPS).all()
    assert [panel.get_ylabel() for panel in axes] == ["position $k$", "", "", ""]


def test_heads_are_shown_by_layer_and_rank_as_means_over_seeds(drawn):
    """The important head of the last layer differs between seeds, and always comes first."""
    axes = panels(drawn("head_ablation"))
    assert [panel.get_title(loc="left") for panel in axes if panel.axison] == [
        f"$M$ = {style.label(M)}" for M in GRID
    ]
    for panel in axes[: len(GRID)]:
        heights = [bar.get_height() for bar in panel.patches]
        assert heights == pytest.approx([0.5] * worlds.HEADS + [1.0] + [0.001] * 3)
        own = panel.lines[0]
        np.testing.assert_allclose(own.get_ydata(), np.array(heights) / 2)
        middles = [bar.get_x() + bar.get_width() / 2 for bar in panel.patches]
        np.testing.assert_allclose(own.get_xdata(), middles)
        assert middles == sorted(middles)
        assert np.round(middles).tolist() == [0] * worlds.HEADS + [1] * worlds.HEADS


def test_feature_losses_are_a_line_for_each_feature_and_a_dash_for_ridge(drawn, frames):
    made = drawn("feature_losses")
    losses = frames["feature_losses"]
    shown = [axes for axes in panels(made) if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"$M$ = {style.label(M)}" for M in GRID
    ]
    for axes, M in zip(shown, GRID, strict=True):
        rows = losses[losses["task_diversity"] == M]
        curves = [line for line in axes.lines if len(line.get_xdata()) > 2]
        dashes = [line for line in axes.lines if len(line.get_xdata()) == 2]
        assert len(curves) == len(dashes) == len(FEATURES)
        for line, dash, (_, of_feature) in zip(
            curves, dashes, rows.groupby("feature"), strict=True
        ):
            means = of_feature.groupby("step")["loss"].mean()
            np.testing.assert_allclose(line.get_ydata(), means)
            assert dash.get_ydata()[0] == pytest.approx(of_feature["ridge"].iloc[0])
            assert dash.get_color() == line.get_color()
    (key,) = made.legends
    assert [text.get_text() for text in key.get_texts()] == ["60 %", "30 %", "10 %"]


def test_without_features_there_is_a_note(frames):
    made = draw("feature_losses", {"feature_losses": frames["feature_losses"].iloc[:0]})
    (axes,) = panels(made)
    assert [text.get_text() for text in axes.texts] == ["the input law has no features"]


def test_task_gates_are_a_line_for_each_task_between_dashes_at_both_predictors(drawn, frames):
    made = drawn("task_gates")
    gates = frames["task_gates"]
    shown = [axes for axes in panels(made) if axes.axison]
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"$M$ = {style.label(M)}" for M in FINITE
    ]
    for axes, M in zip(shown, FINITE, strict=True):
        ridge, dmmse, *curves = axes.lines
        assert [line.get_ydata()[0] for line in (ridge, dmmse)] == [0, 1]
        of_tasks = gates[gates["task_diversity"] == M].groupby("task")
        assert len(axes.collections) == len(curves) == len(TASKS)
        for line, (_, of_task) in zip(curves, of_tasks, strict=True):
            means = of_task.groupby("step")["gate"].mean()
            np.testing.assert_allclose(line.get_ydata(), means)
    light = [sum(to_rgb(line.get_color())) for line in curves]
    assert light == sorted(light)
    (key,) = made.legends
    assert [text.get_text() for text in key.get_texts()] == ["50 %", "25 %", "15 %", "10 %"]


def test_without_tasks_of_unequal_frequency_there_is_a_note(frames):
    made = draw("task_gates", {"task_gates": frames["task_gates"].iloc[:0]})
    (axes,) = panels(made)
    assert [text.get_text() for text in axes.texts] == ["all tasks are equally frequent"]


def test_strategies_stack_to_one_in_a_panel_for_every_m(drawn, frames):
    axes = panels(drawn("strategies"))
    own = frames["strategies"]
    own = own[own["dataset"] == "in_distribution"]
    for panel, M in zip(axes, GRID, strict=False):
        assert panel.get_title(loc="left") == f"$M$ = {style.label(M)}"
        rows = own[own["task_diversity"] == M]
        # Ridge, which is the same for all M, is at the bottom: the first layer ends at its weight.
        first, last = panel.collections
        (outline,) = first.get_paths()
        weight = mean_over_seeds(rows[rows["predictor"] == "ridge"], M, "weight")
        corners = {(step, round(top, 9)) for step, top in outline.vertices}
        assert {(step, round(top, 9)) for step, top in zip(STEPS, weight, strict=True)} <= corners
        (outline,) = last.get_paths()
        assert outline.vertices[:, 1].max() == pytest.approx(1)
        (left,) = panel.lines
        residual = mean_over_seeds(rows[rows["predictor"] == "ridge"], M, "residual")
        np.testing.assert_allclose(left.get_ydata(), residual / residual.max())
    assert [panel.get_ylabel() for panel in axes[:4]] == ["weight", "", "", ""]
    assert legend(drawn("strategies")) == [style.name_of_kind(name) for name in ("ridge", "dmmse")]


PARTS = {"layer0.head0": 1.0, "layer0.head1": 2.0, "layer0.mlp": 5.0}


@pytest.fixture(scope="module")
def of_parts(frames):
    """The tables, with the LLC of parts added as multiples of the model's."""
    llc = frames["llc"]
    parts = [llc.assign(component=part, llc=factor * llc["llc"]) for part, factor in PARTS.items()]
    return {**frames, "llc": pd.concat([llc, *parts])}


def test_llc_by_component_is_a_line_for_each_part(of_parts, frames):
    made = lay_out(draw("llc_by_component", of_parts))
    shown = [axes for axes in panels(made) if axes.axison]
    assert len(shown) == len(GRID)
    for axes, M in zip(shown, GRID, strict=True):
        expected = sorted(
            (step, factor * mean, factor * error)
            for step in LLC_STEPS
            for factor in PARTS.values()
            for mean, error in [mean_and_error(frames["llc"], M, step, "llc")]
        )
        assert bars(axes) == [pytest.approx(bar) for bar in expected]
        crosses = [line for line in axes.lines if line.get_marker() == "x"]
        assert {float(x) for line in crosses for x in line.get_xdata()} == {0.0}
        turns = [line.get_xdata()[0] for line in axes.lines if line.get_linestyle() == ":"]
        known = views.critical_points(frames["critical_steps"], "smoothed")
        own = [step for run, (step, _) in known.items() if run.task_diversity == M]
        assert turns == ([] if math.isinf(M) else own)
    (key,) = made.legends
    assert [text.get_text() for text in key.get_texts()] == list(PARTS)


def test_without_parts_there_is_a_note(drawn):
    (axes,) = panels(drawn("llc_by_component"))
    assert [text.get_text() for text in axes.texts] == ["the LLC of no part was measured"]


def test_changing_tasks_shows_the_run_whose_tasks_stay_moved_to_the_same_end(frames):
    """The fresh run ends two checkpoints earlier and has the same curve."""
    unchanged = frames["unchanged"]
    shorter = frames | {"unchanged": unchanged[unchanged["step"] <= STEPS[-3]]}
    axes = [each for each in panels(draw("changing_tasks", shorter)) if each.axison]
    assert [each.get_title(loc="left") for each in axes] == [
        f"$M$ = {style.label(M)}" for M in FINITE
    ]
    for panel, M in zip(axes, FINITE, strict=True):
        ridge, dmmse, stay, change = panel.lines
        assert [line.get_ydata()[0] for line in (ridge, dmmse)] == [0, 1]
        later = STEPS[-1] - STEPS[-3]
        assert stay.get_xdata().tolist() == [step + later for step in STEPS[:-2]]
        np.testing.assert_allclose(stay.get_ydata(), mean_over_seeds(unchanged, M, "alpha")[:-2])
        own = mean_over_seeds(frames["relative_distances"], M, "alpha")
        np.testing.assert_allclose(change.get_ydata(), own)
        assert change.get_xdata().tolist() == STEPS


def test_without_changing_tasks_there_is_a_note(frames):
    made = draw("changing_tasks", frames | {"unchanged": frames["unchanged"].iloc[:0]})
    (axes,) = panels(made)
    assert [text.get_text() for text in axes.texts] == [
        "no run whose tasks change has one beside it whose tasks stay"
    ]
