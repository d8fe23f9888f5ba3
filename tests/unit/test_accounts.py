"""Two accounts of when runs turn, on worlds that one of them made."""

import math

import numpy as np
import pandas as pd
import pytest

from tests.conftest import told
from tests.unit import worlds
from transient_ridge.analysis.model_selection import accounts
from transient_ridge.analysis.model_selection.accounts import (
    COMPRESSED,
    CONSTANT,
    LLC,
    Points,
    by_compressed_size,
    by_llc,
    compare_accounts,
    compressed_nats,
    fit,
    points_of,
    relative_of,
)
from transient_ridge.config import presets
from transient_ridge.config.settings import DataSettings

DIVERSITIES = (4.0, 8.0, 16.0, 32.0, 64.0)
#: Not in the order of M, as sizes always are.
COMPLEXITY = {4.0: 9.0, 8.0: -3.0, 16.0: 7.0, 32.0: 1.0, 64.0: 5.0}
SIZES = {M: 60.0 * M for M in DIVERSITIES}


def grid():
    """Points on a plane of M and t, without what was measured."""
    M, t = (part.flatten() for part in np.meshgrid(DIVERSITIES, np.geomspace(10, 1e4, 24)))
    return Points(M, t, 256 * t, 0.6 / np.sqrt(M), np.zeros_like(t))


def made_by(account, constants):
    points = grid()
    return points._replace(relative=relative_of(account.logit(points, np.array(constants))))


@pytest.mark.parametrize(
    ("account", "constants"),
    [(by_compressed_size(SIZES), (0.02, 0.5, 0.3)), (by_llc(1.0, COMPLEXITY), (0.02, 0.5, 0.08))],
)
def test_the_constants_are_found_again(account, constants):
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
    raw = [32 * 4 * M * math.log(2) for M in (8, 64, 512)]
    assert sizes == sorted(sizes)
    for size, most in zip(sizes[1:], raw[1:], strict=True):
        assert 0.8 * most < size < 1.05 * most


@pytest.fixture(scope="module")
def settings():
    return presets.load("laptop") | {"training": worlds.SETTINGS["training"]}


@pytest.fixture(scope="module")
def world():
    made = worlds.tables()
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


def test_the_tables_have_every_account_judged_by_points_that_it_was_not_fitted_to(world, settings):
    summary, points = (
        rows.frame() for rows in compare_accounts(world, **told(compare_accounts, settings))
    )
    assert summary["account"].tolist() == [COMPRESSED, LLC, LLC, CONSTANT]
    assert summary["resolution"].dropna().tolist() == [0.1, 1.0]
    for _, row in summary.iterrows():
        r = -1.0 if math.isnan(row["resolution"]) else row["resolution"]
        same = points["resolution"].fillna(-1.0) == r
        own = points[(points["account"] == row["account"]) & same & points["held_out"]]
        assert len(own) == row["held_out"]
        error = np.sqrt(((own["predicted"] - own["relative_distance"]) ** 2).mean())
        assert row["error"] == pytest.approx(error)
    constant = summary.set_index("account")["error"][CONSTANT]
    assert (summary["error"][:3] < constant).all()


def test_without_curvature_there_is_nothing_to_compare(world, settings):
    nothing = {"selection_by_resolution": worlds.empty("selection_by_resolution")}
    assert all(
        rows.records() == []
        for rows in compare_accounts(world | nothing, **told(compare_accounts, settings))
    )


def test_both_halves_are_drawn_by_the_root_seed(world, settings, monkeypatch):
    monkeypatch.setattr(accounts, "STARTS", accounts.STARTS[:1])
    halves = [
        compare_accounts(world, **told(compare_accounts, settings | {"seed": seed}))[1].columns[
            "held_out"
        ]
        for seed in (0, 0, 1)
    ]
    assert halves[0] == halves[1] != halves[2]
