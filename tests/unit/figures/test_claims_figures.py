"""Figures of model selection."""

import math
import re

import numpy as np
import pandas as pd
import pytest

from tests.unit import world_tables
from tests.unit.figures.conftest import draw
from tests.unit.figures.reading import lines, marks, named, panels
from tests.unit.world_tables import GRID, SEEDS, of_run
from transient_ridge.analysis.model_selection.selection import Tradeoff
from transient_ridge.config import runs
from transient_ridge.figures.claims.free_energy import choose
from transient_ridge.figures.drawing import style

FINITE = GRID[:-1]


@pytest.fixture(scope="module")
def measured(frames):
    """The trade-offs by measured losses."""
    selection = frames["selection"]
    return selection[selection["losses"] == "measured"]


def test_selection_shows_gain_and_cost(drawn, frames):
    loss, complexity, _, _ = panels(drawn("selection"))
    for kind in ("measured", "idealised"):
        rows = frames["selection"]
        rows = rows[rows["losses"] == kind]
        (line,) = named(loss, f"_{kind}")
        gain = -rows.groupby("task_diversity")["loss_difference"].mean()
        np.testing.assert_array_equal(line.get_xdata(), FINITE)
        np.testing.assert_allclose(line.get_ydata(), gain)
    hollow = {}
    for container in complexity.containers:
        line = container.lines[0]
        hollow.setdefault(line.get_xdata()[0], set()).add(line.get_markerfacecolor() == "white")
    assert len(complexity.containers) == len(FINITE) * len(SEEDS)
    assert hollow == {1: {False}, 16: {False}, 64: {False}, 256: {True}}  # no run at 256 turns


def test_selection_shows_odds_and_prediction(drawn, frames, colours, measured):
    _, _, odds, prediction = panels(drawn("selection"))
    curves = lines(odds)
    assert set(curves) == {runs.Run(M, seed).name for M in FINITE for seed in SEEDS}
    (row,) = of_run(measured, 64, 1).itertuples()
    n, values = curves["M64-seed1"]
    expected = Tradeoff(row.loss_difference, row.llc_difference).log_odds(n)
    np.testing.assert_allclose(values, expected)
    crossing = measured[(measured["crossover"] > 0) & np.isfinite(measured["crossover"])]
    assert set(crossing["task_diversity"]) == {16, 64, 256}
    for kind, column in ((style.CRITICAL, "critical_step"), ("x", "switch_step")):
        if kind == style.CRITICAL:
            found = {(x, y) for x, y, _ in marks(prediction, kind)}
        else:
            crosses = [line for line in prediction.lines if line.get_marker() == kind]
            found = {(line.get_xdata()[0], line.get_ydata()[0]) for line in crosses}
        seen = crossing.dropna(subset=[column])
        assert found == set(zip(seen["crossover_step"], seen[column], strict=True))
    assert crossing["switch_step"].isna().any()


def test_free_energies_cross_at_n(drawn, measured):
    shown = panels(drawn("free_energy"))
    assert [axes.get_title(loc="left") for axes in shown] == ["$M$ = 1", "$M$ = 64", "$M$ = 256"]
    for axes, M in zip(shown, (1, 64, 256), strict=True):
        rows = measured[measured["task_diversity"] == M]
        (ridge,), (dmmse,) = named(axes, "_ridge"), named(axes, "_dmmse")
        n = ridge.get_xdata()
        difference = dmmse.get_ydata() - ridge.get_ydata()
        both = Tradeoff(rows["loss_difference"].mean(), rows["llc_difference"].mean())
        np.testing.assert_allclose(difference, both.log_odds(n), rtol=1e-6, atol=1e-6)
        marked = {line.get_xdata()[0] for line in named(axes, "_crossover")}
        assert marked == (set() if M == 1 else set(rows["crossover"]))


def test_free_energy_prefers_a_middle_m_that_crosses():
    rows = pd.DataFrame({"task_diversity": [1, 2, 4, 8, 16], "crossover": [0, 0, 0, 50, math.inf]})
    assert choose(rows) == [1, 8, 16]
    assert choose(rows.assign(crossover=0.0)) == [1, 4, 16]
    assert choose(rows.iloc[:2]) == [1, 2]


@pytest.mark.parametrize(
    ("figure", "unmeasured"), [("phase_diagram", 0), ("selection", 3), ("free_energy", 3)]
)
def test_without_llc_a_panel_has_a_note(figure, unmeasured, frames):
    bare = {
        name: frame.assign(
            **{column: np.nan for column in frame if re.match("llc|crossover|log_odds", column)}
        )
        for name, frame in frames.items()
    }
    said = [text.get_text() for axes in draw(figure, bare).axes for text in axes.texts]
    assert said == unmeasured * ["LLC not measured"]


@pytest.mark.parametrize(
    ("figure", "panels_"), [("phase_diagram", 1), ("selection", 4), ("free_energy", 1)]
)
def test_without_finite_m_there_is_nothing_to_choose(figure, panels_):
    made = draw(figure, world_tables.tables(grid=(math.inf,), seeds=(1,), components=1))
    said = [text.get_text() for axes in made.axes for text in axes.texts]
    assert said == panels_ * ["no finite $M$"]


def test_accounts(drawn, frames):
    """Predictions for left-out M by log M and by the LLC at its best r, and the errors of all accounts."""
    left, middle, right = panels(drawn("accounts"))
    assert middle.get_title(loc="left").endswith("LLC, $r$ = 1")
    points, summary = frames["account_points"], frames["accounts"]
    points = points[points["split"] == "M left out"]
    for axes, account, r in ((left, "log M", -1.0), (middle, "LLC", 1.0)):
        own = points[(points["account"] == account) & (points["resolution"].fillna(-1.0) == r)]
        lines = [line for line in axes.lines if line.get_linestyle() == "-"]
        predicted = [y for line in lines for y in line.get_ydata()]
        assert sorted(predicted) == pytest.approx(sorted(own["predicted"]))
        assert "$c$ = 0.1" in axes.texts[0].get_text()
    others = summary[summary["account"] != "log M"]
    assert len(right.get_yticks()) == len(others) / 2
    shown = [x for each in right.containers for x in each.lines[0].get_xdata()]
    assert sorted(shown) == pytest.approx(sorted(others["difference"]))
