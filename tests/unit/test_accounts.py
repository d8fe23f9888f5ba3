"""Accounts of when runs turn, on worlds made by one of them."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.conftest import settings_for
from tests.unit import worlds
from transient_ridge.analysis.model_selection.accounts import (
    BETTER,
    COMPRESSED,
    CONSTANT,
    FORECAST,
    LEFT_OUT,
    LLC,
    LOG,
    SATURATING,
    UNDECIDED,
    WORSE,
    Points,
    by_compressed_size,
    by_constant,
    by_llc,
    by_log,
    compare_accounts,
    compressed_nats,
    fit,
    forecast,
    leave_out,
    paired,
    points_of,
    relative_of,
    verdict_of,
)
from transient_ridge.config import presets
from transient_ridge.config.settings import DataSettings

DIVERSITIES = (4.0, 8.0, 16.0, 32.0, 64.0)
#: Not in the order of M, unlike sizes.
COMPLEXITY = {4.0: 9.0, 8.0: -3.0, 16.0: 7.0, 32.0: 1.0, 64.0: 5.0}
SIZES = {M: 60.0 * M for M in DIVERSITIES}


def grid():
    """Points on a plane of M and t, without measurements."""
    M, t = (part.flatten() for part in np.meshgrid(DIVERSITIES, np.geomspace(10, 1e4, 24)))
    return Points(M, t, 256 * t, 0.6 / np.sqrt(M), np.zeros_like(t))


def made_by(account, constants):
    points = grid()
    return points._replace(relative=relative_of(account.logit(points, np.array(constants))))


@pytest.mark.parametrize(
    ("account", "constants"),
    [
        (by_compressed_size(SIZES), (0.02, 0.5, 0.3)),
        (by_llc(1.0, COMPLEXITY), (0.02, 0.5, 0.08)),
        (by_log(None), (0.02, 0.5, 0.4)),
        (by_log(16), (0.02, 0.5, 0.4)),
        (by_constant(), (0.02, 0.5, 1.5)),
    ],
)
def test_the_constants_are_recovered(account, constants):
    assert fit(account, made_by(account, constants)) == pytest.approx(constants, rel=0.02)


def test_the_account_that_made_the_points_fits_them_better():
    size, llc = by_compressed_size(SIZES), by_llc(1.0, COMPLEXITY)
    for truth, rival, constants in ((size, llc, (0.02, 0.5, 0.3)), (llc, size, (0.02, 0.5, 0.3))):
        points = made_by(truth, constants)

        def error(account, points=points):
            found = relative_of(account.logit(points, fit(account, points)))
            return float(np.sqrt(np.mean((found - points.relative) ** 2)))

        assert error(truth) < 0.001
        assert error(rival) > 0.02


def test_a_mixture_has_the_relative_distance_of_its_log_odds():
    """f = p dMMSE + (1 - p) ridge is p^2 from ridge and (1 - p)^2 from dMMSE, in units of their distance."""
    for p in (0.01, 0.3, 0.5, 0.9):
        logit = np.array([math.log(p / (1 - p))])
        assert relative_of(logit) == pytest.approx(p**2 / (p**2 + (1 - p) ** 2))


def test_task_sets_compress_by_less_than_a_bit_in_eight_and_grow_with_their_number():
    data = DataSettings.of(presets.load("laptop")["data"])
    sizes = [compressed_nats(0, data, M) for M in (8, 64, 512)]
    raw = [32 * data.dimension * M * math.log(2) for M in (8, 64, 512)]
    assert sizes == sorted(sizes)
    for size, most in zip(sizes[1:], raw[1:], strict=True):
        assert 0.8 * most < size < 1.05 * most


@pytest.fixture(scope="module")
def settings():
    return presets.load("laptop") | {"training": worlds.SETTINGS["training"]}


@pytest.fixture(scope="module")
def world():
    # The runs start near enough to be between the predictors within the first tenth of training.
    made = worlds.tables(start=lambda seed: 0.5)
    return made | {
        "selection_by_resolution": pd.concat(
            [made["selection"].assign(resolution=r) for r in (1.0, 0.1)], ignore_index=True
        )
    }


def test_only_points_between_the_predictors_count(world):
    points = points_of(world, world["selection"], pairs=100)
    assert len(points.step) > 30
    assert np.isfinite(points.diversity).all()
    relative = world["relative_distances"].set_index(["task_diversity", "seed", "step"])
    for M, step in zip(points.diversity, points.step, strict=True):
        both = relative.loc[[(M, seed, step) for seed in worlds.SEEDS], ["ridge", "dmmse"]].mean()
        assert both.sum() <= 2 * worlds.apart(M)


def test_the_tables_have_every_account_under_both_splits(world, settings):
    summary, points = (
        rows.frame() for rows in compare_accounts(world, **settings_for(compare_accounts, settings))
    )
    every = [LOG, SATURATING, CONSTANT, COMPRESSED, LLC, LLC]
    for split in (LEFT_OUT, FORECAST):
        rows = summary[summary["split"] == split]
        assert rows["account"].tolist() == every
        assert rows["resolution"].dropna().tolist() == [0.1, 1.0]
        for _, row in rows.iterrows():
            r = -1.0 if math.isnan(row["resolution"]) else row["resolution"]
            same = (points["resolution"].fillna(-1.0) == r) & (points["split"] == split)
            own = points[(points["account"] == row["account"]) & same]
            assert len(own) == row["held_out"]
            squares = (own["predicted"] - own["relative_distance"]) ** 2
            by_M = np.sqrt(squares.groupby(own["task_diversity"]).mean())
            assert row["error"] == pytest.approx(by_M.mean())
    left_out, ahead = (points[points["split"] == split] for split in (LEFT_OUT, FORECAST))
    counted = points_of(world, world["selection"], pairs=1)
    assert len(left_out) == len(every) * len(counted.step)
    assert ahead["step"].min() > worlds.STEPS[-1] / 10
    assert summary.loc[summary["account"] == LOG, "verdict"].isna().all()
    assert set(summary.loc[summary["account"] != LOG, "verdict"]) <= {BETTER, WORSE, UNDECIDED}


@pytest.mark.parametrize("judge", [leave_out, lambda a, p: forecast(a, p, p.step <= 1000)])
def test_only_the_true_account_predicts_held_out_points(judge):
    size, llc = by_compressed_size(SIZES), by_llc(1.0, COMPLEXITY)
    for truth, rivals in ((size, (llc,)), (llc, (size, by_log(None)))):
        points = made_by(truth, (0.02, 0.5, 0.3))
        found = judge(truth, points)
        assert max(found.errors.values()) < 0.001
        for rival in rivals:
            assert np.mean(list(judge(rival, points).errors.values())) > 0.02


def test_left_out_points_do_not_enter_the_fit():
    points = made_by(by_log(None), (0.02, 0.5, 0.4))
    other = points._replace(relative=np.where(points.diversity == 16, 0.9, points.relative))
    kept = points.diversity == 16
    first, second = (leave_out(by_log(None), each).predicted[kept] for each in (points, other))
    np.testing.assert_allclose(first, second, atol=1e-4)
    late = points.step > 1000
    other = points._replace(relative=np.where(late, 0.9, points.relative))
    first, second = (forecast(by_log(None), each, ~late) for each in (points, other))
    assert first.constants.tolist() == second.constants.tolist()
    assert np.isnan(first.predicted[~late]).all()


def test_a_difference_within_its_interval_is_undecided():
    errors, baseline = {1.0: 0.1, 2.0: 0.2, 4.0: 0.3}, {1.0: 0.2, 2.0: 0.31, 4.0: 0.39}
    difference, margin = paired(errors, baseline)
    assert difference == pytest.approx(-0.1)
    assert margin == pytest.approx(4.302653 * 0.01 / 3**0.5)
    assert verdict_of(difference, margin) == BETTER
    assert verdict_of(-difference, margin) == WORSE
    assert verdict_of(difference, 0.11) == UNDECIDED
    assert paired({1.0: 0.1}, {1.0: 0.3})[1] is None
    assert verdict_of(-0.2, None) == UNDECIDED


def test_without_curvature_there_is_nothing_to_compare(world, settings):
    nothing = {"selection_by_resolution": worlds.empty("selection_by_resolution")}
    assert all(
        rows.records() == []
        for rows in compare_accounts(world | nothing, **settings_for(compare_accounts, settings))
    )
