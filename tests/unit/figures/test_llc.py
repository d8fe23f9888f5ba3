"""Figures of the LLC."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import Rectangle

from tests.unit.figures.conftest import draw, lay_out
from tests.unit.figures.reading import bars, legend_of, panels
from tests.unit.world_tables import GRID, INF, LLC_STEPS, SEEDS, STEPS, SWEEP, of_run
from tests.unit.worlds import LLC
from transient_ridge.analysis import views
from transient_ridge.figures.drawing import style
from transient_ridge.figures.drawing.verdicts import VERDICTS
from transient_ridge.figures.llc.figure3 import TRAINED_COLOUR
from transient_ridge.scorecard.verdicts import HOLDS, UNDECIDED

COLUMNS = [math.log2(M) for M in GRID[:-1]] + [math.log2(GRID[-2]) + 1.5]


def mean_and_error(frame, M, step, value):
    """Mean over seeds and its standard error."""
    rows = frame[(frame["task_diversity"] == M) & (frame["step"] == step)][value]
    return rows.mean(), rows.std(ddof=1) / math.sqrt(len(rows))


def test_figure3_a_losses_with_those_of_the_predictors(drawn, frames):
    upper, _ = panels(drawn("figure3"))
    ideal = views.averages(frames["idealised_losses"], "in_distribution")
    for line, predictor in zip(upper.lines[:2], ("dmmse", "ridge"), strict=True):
        rows = ideal[ideal["predictor"] == predictor].set_index("task_diversity")["loss"]
        assert line.get_xdata() == pytest.approx(COLUMNS)
        assert line.get_ydata() == pytest.approx([rows[M] for M in GRID])
    trained = views.averages(frames["losses"], "in_distribution")
    expected = [
        (x, *mean_and_error(trained, M, STEPS[-1], "loss"))
        for x, M in zip(COLUMNS, GRID, strict=True)
    ]
    assert bars(upper) == [pytest.approx(bar) for bar in expected]


def test_figure3_b_mean_and_standard_error_over_seeds(drawn, frames):
    _, lower = panels(drawn("figure3"))
    expected = [
        (x, *mean_and_error(frames["llc"], M, STEPS[-1], "llc"))
        for x, M in zip(COLUMNS, GRID, strict=True)
    ]
    assert bars(lower) == [pytest.approx(bar) for bar in expected]
    (dashed,) = [line for line in lower.lines if line.get_linestyle() == "--"]
    assert dashed.get_ydata()[0] == pytest.approx(LLC[INF], rel=0.01)
    assert [tick.get_text() for tick in lower.get_xticklabels()] == [style.label(M) for M in GRID]


def test_figure3_marks_runs_that_still_move(frames):
    """M = 64 keeps turning while training doubles, M = 256 hardly moves."""
    places = frames["relative_distances"]
    late = places["step"] > STEPS[-1] / 2
    for M, share in ((64, 0.11), (256, 0.09)):
        own = places["task_diversity"] == M
        places = places.assign(alpha=places["alpha"].mask(own, 0.3 + share * late))
    upper, lower = panels(draw("figure3", {**frames, "relative_distances": places}))
    for axes in (upper, lower):
        (hollow,) = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        assert hollow.get_xdata() == pytest.approx([math.log2(64)])
        (full,) = [
            line
            for line in axes.lines
            if line.get_marker() == "o" and line.get_markerfacecolor() == TRAINED_COLOUR
        ]
        assert full.get_xdata() == pytest.approx([x for x in COLUMNS if x != 6])
        assert "still moving" in legend_of(axes)


def test_figure3_marks_infinity_if_it_still_moves(frames):
    """While training doubles, its distance to ridge falls by an eighth or, in the other world, by a fifteenth."""
    places = frames["relative_distances"]
    for share, count in ((1 / 8, 1), (1 / 15, 0)):
        own = np.isinf(places["task_diversity"]) & (places["step"] > STEPS[-1] / 2)
        still = places.assign(ridge=places["ridge"].mask(np.isinf(places["task_diversity"]), 0.4))
        still = still.assign(ridge=still["ridge"].mask(own, 0.4 * (1 - share)))
        still = still.assign(alpha=still["alpha"].where(still["alpha"].isna(), 0.5))
        for axes in panels(draw("figure3", {**frames, "relative_distances": still})):
            hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
            assert [x for line in hollow for x in line.get_xdata()] == [COLUMNS[-1]] * count


def test_figure3_names_the_resolution(drawn, frames):
    assert frames["llc"]["resolution"].unique() == [3.3]
    assert panels(drawn("figure3"))[1].get_title(loc="left").endswith("LLC at the end, $r$ = 3.3")


def test_llc_over_training(drawn, frames):
    left = panels(drawn("llc_over_training"))[0]
    expected = sorted(
        (step, *mean_and_error(frames["llc"], M, step, "llc")) for M in GRID for step in LLC_STEPS
    )
    assert bars(left) == [pytest.approx(bar) for bar in expected]
    crosses = [line for line in left.lines if line.get_marker() == "x"]
    assert len(crosses) == len(GRID)
    assert {float(x) for line in crosses for x in line.get_xdata()} == {0.0}


def test_llc_diagnostics(drawn):
    shown = panels(drawn("llc_diagnostics"))
    assert len(shown) == 6
    heating = [line for line in shown[0].lines if line.get_marker() == "None"]
    assert len(heating) == len(GRID) * len(SEEDS)
    assert {float(y) for line in heating for y in line.get_ydata()} == {0.05}
    crosses = [line for line in shown[0].lines if line.get_marker() == "x"]
    assert {float(x) for line in crosses for x in line.get_xdata()} == {0.0}
    relative = [line for line in shown[5].lines if line.get_marker() == "None"]
    assert len(relative) == len(GRID) * len(SEEDS)
    for line in relative:
        assert line.get_ydata() == pytest.approx(-0.5)  # 3 less, with a standard error of 6


def test_llc_diagnostics_of_a_single_step_are_visible(frames):
    llc = frames["llc"]
    shown = panels(lay_out(draw("llc_diagnostics", {"llc": llc[llc["step"] == STEPS[-1]]})))
    for axes in shown:
        dots = [line for line in axes.lines if line.get_marker() == "."]
        assert len(dots) == len(GRID) * len(SEEDS)
    for axes in shown[3:]:  # the lower row names the step for both
        assert [label.get_text() for label in axes.get_xticklabels()] == [f"{STEPS[-1]:,}"]


def test_llc_traces(drawn, frames):
    """One panel per M, the first seed's last step, one line per chain in windows of ten steps."""
    shown = panels(drawn("llc_traces"))
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"$M$ = {style.label(M)}" for M in GRID
    ]
    for axes, M in zip(shown, GRID, strict=True):
        rows = of_run(frames["llc_traces"], M, SEEDS[0])
        rows = rows[rows["step"] == STEPS[-1]]
        chains = [line for line in axes.lines if len(line.get_xdata()) == 4]
        assert len(rows) == 2
        for line, losses, centre in zip(chains, rows["losses"], rows["centre_losses"], strict=True):
            wanted = (np.float64(losses) - np.float64(centre)).reshape(4, 10).mean(axis=1)
            assert line.get_ydata() == pytest.approx(wanted)


def test_llc_calibration(drawn):
    """A cell per setting with its number, the recommended one framed, diverged ones without a colour."""
    figure = drawn("llc_calibration")
    maps = [axes for axes in figure.axes if axes.images]
    swept = [GRID[0], GRID[-1]]
    gammas = sorted({gamma for _, gamma, _ in SWEEP})
    assert [axes.get_title(loc="left") for axes in maps] == [
        f"$M$ = {style.label(M)}, step {STEPS[-1]}, $\\gamma$ = {gamma:g}"
        for M in swept
        for gamma in gammas
    ]
    for axes, M in zip(maps, np.repeat(swept, len(gammas)), strict=True):
        texts = [text.get_text() for text in axes.texts]
        assert sum(text == "diverged" for text in texts) == 1
        assert sum(text.startswith(f"{LLC[M]:.0f} ± ") for text in texts) == len(texts) - 1 == 3
        shown = np.ma.masked_invalid(axes.images[0].get_array())
        assert shown.mask.sum() == 1
        assert shown.compressed() == pytest.approx(LLC[M])
    framed = [
        (maps.index(axes), patch.get_center().round(6).tolist())
        for axes in maps
        for patch in axes.patches
        if isinstance(patch, Rectangle)
    ]
    assert framed == [(0, [0, 0]), (2, [0, 0])]  # smallest eps, n beta and gamma, for both runs
    below = [axes for axes in panels(figure) if axes not in maps]
    diverged = [[text.get_text() for text in axes.texts] == ["diverged"] for axes in below]
    assert diverged == [
        False,
        True,
        False,
        False,
    ]  # largest n beta at the top, largest eps at the right


def test_llc_crosscheck(drawn):
    found = sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in panels(drawn("llc_crosscheck"))[0].lines
        if line.get_marker() == "o"
    )
    ours = sorted(LLC[M] + 2 * seed for M in GRID for seed in SEEDS)
    assert found == [pytest.approx((value + 1, value)) for value in ours]


def test_llc_by_resolution(drawn, frames):
    """Lines through the means over seeds, their order, and each verdict once over its range of r."""
    lines, order, claims = panels(drawn("llc_by_resolution"))
    means = frames["quadratic_llc"].groupby(["task_diversity", "resolution"])["llc"].mean()
    smooth = [
        line for line in lines.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1
    ]
    assert [line.get_ydata() for line in smooth[: len(GRID)]] == [
        pytest.approx(means[M].to_numpy()) for M in GRID
    ]
    ranks = means.unstack().rank()
    assert [list(line.get_ydata()) for line in order.lines] == [list(ranks.loc[M]) for M in GRID]
    assert ranks[10.0].tolist() != ranks[0.1].tolist()  # the order of this world reverses
    judged = frames["claims_by_resolution"]
    shown = [
        (round(line.get_ydata()[0]), *line.get_xdata())
        for line in claims.lines
        if len(line.get_xdata()) == 2
    ]
    signs = [line for line in claims.lines if len(line.get_xdata()) == 1]
    assert len(signs) == len(shown) == judged.groupby(["claim", "part"])["verdict"].nunique().sum()
    assert sorted(shown) == [
        (height, 0.1, 10.0) for height in range(judged.groupby(["claim", "part"]).ngroups)
    ]
    assert [t.get_text() for t in claims.get_yticklabels()] == sorted(
        set(judged["claim"].astype(str) + judged["part"])
    )


def test_a_verdict_that_changes_with_r_has_two_ranges(frames):
    judged = frames["claims_by_resolution"]
    first = (judged["claim"] == 8) & (judged["part"] == "a")
    verdicts = judged["verdict"].where(~(first & (judged["resolution"] > 5)), UNDECIDED)
    made = draw(
        "llc_by_resolution", {**frames, "claims_by_resolution": judged.assign(verdict=verdicts)}
    )
    claims = panels(made)[2]
    top = [line for line in claims.lines if line.get_ydata()[0] == 0]
    ranges = [tuple(line.get_xdata()) for line in top if len(line.get_xdata()) == 2]
    assert ranges == [(0.1, 1.0), (10.0, 10.0)]
    signs = [line.get_marker() for line in top if len(line.get_xdata()) == 1]
    assert signs == [VERDICTS[HOLDS]["marker"], VERDICTS[UNDECIDED]["marker"]]


def test_a_ladder_of_many_n_beta_shows_all(frames):
    cells = frames["llc_ladder"]
    many = pd.concat([cells.assign(n_beta=10.0**power) for power in range(14)])
    for axes in panels(draw("llc_ladder", {**frames, "llc_ladder": many})):
        assert len(axes.containers) == 14
        assert len({line.get_marker() for line in axes.lines} - {"None", "x", "_"}) >= 10


def test_the_calibration_shows_the_acceptance_where_there_is_one(drawn, frames):
    def texts(figure):
        return [text.get_text() for axes in figure.axes if axes.images for text in axes.texts]

    assert any("MALA 0." in text for text in texts(drawn("llc_calibration")))
    sweep = frames["llc_recommendation"].assign(mala_acceptance=np.nan)
    bare = texts(draw("llc_calibration", {**frames, "llc_recommendation": sweep}))
    assert not any("MALA" in text or "nan" in text for text in bare)


def test_llc_ladder(drawn, frames):
    """A panel per run: a line, a marker for each n beta, full if healthy, crosses where not equilibrated."""
    cells = frames["llc_ladder"]
    shown = panels(drawn("llc_ladder"))
    assert len(shown) == len(GRID)
    for axes, M in zip(shown, GRID, strict=True):
        own = cells[cells["task_diversity"] == M]
        crosses = [line for line in axes.lines if line.get_marker() == "x"]
        assert sum(len(line.get_xdata()) for line in crosses) == (~own["equilibrated"]).sum()
        hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
        full = [line for line in axes.lines if line.get_zorder() == 5 and line not in crosses]
        assert sum(len(line.get_xdata()) for line in hollow) == len(own)
        assert sum(len(line.get_xdata()) for line in full) == own["healthy"].sum()
        assert len(axes.containers) == own["n_beta"].nunique()
