"""Figures that compare variants."""

import importlib

import numpy as np
import pandas as pd
import pytest

from tests.unit import world_tables
from tests.unit.figures.conftest import draw, lay_out
from tests.unit.figures.reading import bars, lines, marks, named, panels
from tests.unit.figures.test_every_figure import legible
from tests.unit.world_tables import GRID
from transient_ridge.figures.drawing import style
from transient_ridge.figures.drawing.labels import spread
from transient_ridge.figures.variants.front import pareto

# -- names -----------------------------------------------------------------------------------


def test_names_that_have_room_stay_where_they_are():
    wanted = [0.9, 0.1, 0.5]
    assert spread(wanted, 0.2) == pytest.approx(wanted)


@pytest.mark.parametrize("wanted", [[0.5] * 4, [0.0, 0.0, 1.0, 1.0], [0.31, 0.3, 0.32, 0.9]])
def test_names_without_room_are_moved_apart_in_their_order(wanted):
    places = spread(wanted, 0.1)
    order = np.argsort(wanted, kind="stable")
    assert np.diff(places[order]).min() >= 0.1 - 1e-9
    assert 0 <= places.min() <= places.max() <= 1 + 1e-9


def test_too_many_names_are_evenly_spaced():
    assert spread([0.5] * 5, 1.0) == pytest.approx([0, 0.25, 0.5, 0.75, 1])


# -- the front -------------------------------------------------------------------------------


def test_the_pareto_front_against_all_pairs():
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(0, 6, size=(2, 8)).astype(float)
        dominated = [
            any(x[j] <= x[i] and y[j] <= y[i] and (x[j], y[j]) != (x[i], y[i]) for j in range(8))
            for i in range(8)
        ]
        best = {(x[i], y[i]) for i in range(8) if not dominated[i]}
        found = pareto(x, y)
        assert [(x[i], y[i]) for i in found] == sorted(best)
    assert len(pareto(np.array([]), np.array([]))) == 0


def test_a_panel_has_its_front_and_those_that_do_not_reach_dmmse_at_the_edge(drawn):
    panel = panels(drawn("front"))[0]
    (front,), (reached,), (open_,) = (
        named(panel, f"_{name}") for name in ("front", "reached", "not reached")
    )
    assert np.c_[reached.get_data()].tolist() == pytest.approx(np.array([[30, 0.4], [45, 0.3]]))
    assert np.c_[front.get_data()].tolist() == np.c_[reached.get_data()].tolist()
    assert open_.get_ydata().tolist() == pytest.approx([0.29])
    assert 60 < open_.get_xdata()[0] < panel.get_xlim()[1]
    assert open_.get_fillstyle() == "none"
    assert [text.get_text() for text in panel.texts] == list(world_tables.VARIANTS)


def test_nine_variants_of_two_m_at_nearly_one_depth_are_legible():
    names = [
        "base",
        "fused-qkv",
        "slow-mlp",
        "fast-attention",
        "short",
        "plane",
        "batch-64",
        "batch-256",
        "raw",
    ]
    rows = [
        {
            "variant": name, "task_diversity": M, "seed": 0, "critical_step": 100, "relative_distance": 0.4 + 0.001 * i,
            "end": 0.8, "dmmse_step": None, "core_seconds": None if i % 3 == 0 else 20.0 + i,
            "core_seconds_of_training": 50.0 + i,
        }
        for M in (12.0, 24.0)
        for i, name in enumerate(names)
    ]  # fmt: skip
    made = lay_out(draw("front", {"front": pd.DataFrame(rows)}))
    legible(made)
    assert [len(panel.texts) for panel in panels(made)] == [9, 9]


def test_a_variant_reaches_dmmse_only_if_every_seed_does(frames):
    front = frames["front"].copy()
    first = front.query("variant == 'base' and task_diversity == 16").index[0]
    front.loc[first, "core_seconds"] = None
    made = draw("front", {"front": front})
    titles = [panel.get_title(loc="left") for panel in panels(made)]
    panel = panels(made)[titles.index("$M$ = 16")]
    assert named(panel, "_reached")[0].get_xdata().tolist() == [45]


def test_unrecorded_time_has_a_note(frames):
    front = frames["front"].assign(core_seconds=None, core_seconds_of_training=None)
    (panel,) = panels(draw("front", {"front": front}))
    assert [text.get_text() for text in panel.texts] == ["time of training not recorded"]


# -- averaging -------------------------------------------------------------------------------


def test_each_run_is_drawn_raw_and_averaged(drawn, frames):
    curves = frames["averaging"]
    columns = ("out_of_distribution", "in_distribution", "relative_distance")
    for panel, column in zip(panels(drawn("averaging")), columns, strict=True):
        known = curves.dropna(subset=column)
        assert len(panel.lines) == len(known.groupby(["weights", "task_diversity", "seed"]))
        thick, thin = (
            [line for line in panel.lines if (line.get_linewidth() > 1) == is_thick]
            for is_thick in (True, False)
        )
        assert [line.get_label() for line in thick] == [line.get_label() for line in thin]
        of_run = known.query("weights == 'averaged' and task_diversity == 16 and seed == 0")
        (found,) = [line for line in thick if line.get_label() == "_M16-seed0"]
        assert found.get_ydata().tolist() == of_run.sort_values("step")[column].tolist()
        assert set(lines(panel)) == {line.get_label()[1:] for line in thick}


# -- draws -----------------------------------------------------------------------------------


def test_draws_shows_the_three_figures_with_one_ring_for_each_m(drawn, frames, colours):
    loss, hook, out, inside, end, llc = panels(drawn("draws"))
    assert len(lines(loss)) == len(GRID)
    assert len(loss.collections) == len(GRID)  # the bands
    rings = [colour for *_, colour in marks(loss, style.CRITICAL)]
    assert sorted(rings) == sorted(colours[M] for M in GRID)
    of_hook = panels(drawn("hook"))
    for axes, other in ((hook, of_hook[0]), (out, of_hook[2]), (inside, of_hook[3])):
        assert lines(axes).keys() == lines(other).keys()
        for name, points in lines(axes).items():
            np.testing.assert_array_equal(points, lines(other)[name])
    for axes, other in zip((end, llc), panels(drawn("figure3")), strict=True):
        assert bars(axes) == bars(other)


def test_a_figure_over_draws_pools_them():
    """Drawn as in a job, from the concatenated tables of two variants."""
    pictured = importlib.import_module("transient_ridge.figures.variants.draws").draw
    assert pictured.stage.across
    one = world_tables.tables(seeds=(0,))
    two = {
        name: pd.concat([one[name].assign(variant=variant) for variant in ("base", "tasks-1")])
        for name in pictured.stage.tables
    }
    picture, _ = pictured(two)
    assert len(panels(picture.figure)[0].collections) == len(GRID)  # the bands over two seeds
