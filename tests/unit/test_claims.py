"""Verdicts on worlds in which each statement is true, false and untestable."""

import numpy as np
import pandas as pd
import pytest

from tests.conftest import load
from tests.unit import worlds
from transient_ridge.artefacts import tables
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.scorecard import claims
from transient_ridge.scorecard.claims import FAILS, HOLDS, UNTESTABLE, judge
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.statements import AT_LEAST, AT_MOST, STATEMENTS, TITLES

PARTS = [f"{row.claim}{row.part}" for row in STATEMENTS]


@pytest.fixture
def settings() -> dict:
    return load()["claims"] | {"paper_threshold": 215}


@pytest.fixture
def world() -> dict[str, pd.DataFrame]:
    return worlds.tables()


def judged_by(world, settings) -> Evidence:
    return Evidence(world, ClaimSettings.of(settings))


def scored(world, settings) -> pd.DataFrame:
    frame = pd.DataFrame(claims.score(judged_by(world, settings)))
    frame.index = frame["claim"].astype(str) + frame["part"]
    return frame


# -- ways to bend a world ---------------------------------------------------------------------


def where(**conditions):
    """Rows of a table in which every named column has its value (None: null)."""

    def select(frame):
        chosen = pd.Series(True, index=frame.index)
        for column, value in conditions.items():
            chosen &= frame[column].isna() if value is None else frame[column] == value
        return chosen

    return select


def put(table, column, value, **conditions):
    def bend(world, _):
        rows = where(**conditions)(world[table])
        world[table].loc[rows, column] = value(world[table][rows]) if callable(value) else value

    return bend


def drop(table, **conditions):
    def bend(world, _):
        world[table] = world[table][~where(**conditions)(world[table])]

    return bend


def without(table):
    return lambda world, _: world.pop(table)


def least_diversities(count):
    def bend(world, _):
        for table, frame in world.items():
            if "task_diversity" in frame:
                kept = frame["task_diversity"].isna() | frame["task_diversity"].isin(
                    worlds.GRID[:count]
                )
                world[table] = frame[kept]

    return bend


def config(**values):
    return lambda _, settings: settings.update(values)


def inverted(column):
    return lambda frame: -frame[column]


LAST = worlds.STEPS[-1]
OUT, IN = "out_of_distribution", "in_distribution"
END = {"step": LAST}
NO_INFINITY = drop("relative_distances", task_diversity=None)
FLAT = put("smoothed_losses", "loss", 3.4, dataset=OUT)
LLC_LOST = without("llc")
MEASURED = {"losses": "measured"}

#: statement -> (a world in which it is false, one in which it cannot be tested, what the reason says)
BENT = {
    "1a": (
        put("relative_distances", "relative_distance", 0.5, task_diversity=1, **END),
        NO_INFINITY,
        "no run with M = inf",
    ),
    "1b": (
        put("relative_distances", "relative_distance", 0.9, task_diversity=1024, **END),
        put("relative_distances", "ridge", 0.5, task_diversity=None, **END),
        "dMMSE_1024 and ridge are 0.177 apart",
    ),
    "1c": (
        put("relative_distances", "relative_distance", lambda f: 1 - f["relative_distance"], **END),
        least_diversities(2),
        "only 2 M",
    ),
    "1d": (
        put("thresholds", "threshold", 16.0),
        config(paper_threshold=None),
        "here it is at M = 215",
    ),
    "2a": (
        FLAT,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "no greater OOD loss",
    ),
    "2b": (
        put("smoothed_losses", "loss", lambda f: 1.4 + 0.6 * (f["loss"] - 1.4), dataset=OUT, **END),
        FLAT,
        "statement 2a",
    ),
    "2c": (
        put("smoothed_losses", "loss", 1.4, dataset=OUT, step=1000),
        least_diversities(2),
        "2 finite M",
    ),
    "2d": (
        FLAT,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "no greater OOD loss",
    ),
    "2e": (
        put("relative_distances", "ridge", 0.5, task_diversity=None, **END),
        NO_INFINITY,
        "no run with M = inf",
    ),
    "3a": (
        put("pca_variance", "explained_variance_ratio", 0.1),
        drop("pca_variance", component=2),
        "one component",
    ),
    "3b": (
        put("pca_trajectories", "coordinate", inverted("coordinate"), component=2),
        drop("pca_trajectories", component=2),
        "no component 2",
    ),
    "3c": (
        put("pca_idealised", "coordinate", inverted("coordinate")),
        least_diversities(1),
        "only 2 idealised predictors",
    ),
    "3d": (
        put("pca_trajectories", "coordinate", inverted("coordinate"), component=1),
        put("smoothed_losses", "loss", 1.0, dataset="root_task"),
        "the same rank",
    ),
    "3e": (
        put("pca_trajectories", "coordinate", inverted("coordinate"), component=1),
        drop("pca_trajectories", component=1),
        "no component 1",
    ),
    "4a": (
        put("relative_distances", "ridge", 0.001, task_diversity=1, step=1000),
        least_diversities(0),
        "no finite M",
    ),
    "4b": (
        put("relative_distances", "ridge", 0.0, task_diversity=1, step=1000),
        least_diversities(2),
        "only 2 M",
    ),
    "4c": (
        put("relative_distances", "ridge", lambda f: f["ridge"].clip(lower=0.9)),
        NO_INFINITY,
        "no run with M = inf",
    ),
    "5a": (
        put("pca_loadings", "loading", inverted("loading")),
        put("pca_loadings", "loading", 1 / 6),
        "the same rank",
    ),
    "6a": (
        put("pca_robustness", "trajectory_distance", 0.3, setting="16"),
        config(insensitive_from=512),
        "from 512 up",
    ),
    "7a": (
        put("idealised_losses", "loss", 1.0, predictor="dmmse", dataset=IN, task_diversity=1024),
        least_diversities(2),
        "only 2 finite M",
    ),
    "7b": (
        put("smoothed_losses", "loss", 1.4, dataset=IN, task_diversity=4, **END),
        put("relative_distances", "relative_distance", 0.5),
        "no run ends dMMSE-like",
    ),
    "8a": (put("llc", "llc", 60.0, task_diversity=1, **END), LLC_LOST, "LLC not measured"),
    "8b": (
        put("llc", "llc", 47.2, task_diversity=None, **END),
        put("llc", "llc", 50.0, task_diversity=1, **END),
        "does not cross",
    ),
    "8c": (
        put("llc", "llc", 80.0, task_diversity=128, **END),
        put("llc", "healthy", False),
        "0 dMMSE-like runs",
    ),
    "8d": (
        put("llc", "llc", 60.0, task_diversity=1024, **END),
        put("llc", "healthy", False, task_diversity=None, **END),
        "no healthy LLC of M = inf",
    ),
    "9a": (
        put("selection", "crossover", 5.0, task_diversity=1),
        put("selection", "crossover", np.nan, task_diversity=1),
        "n* of the least M",
    ),
    "9b": (
        put("selection", "crossover", lambda f: 1e6 - f["crossover"], **MEASURED),
        put("selection", "crossover", np.nan),
        "n* is known for no M",
    ),
    "9c": (
        put("selection", "critical_step", inverted("critical_step")),
        LLC_LOST,
        "LLC not measured",
    ),
    "9d": (
        put("selection", "switch_step", inverted("switch_step")),
        put("selection", "switch_step", np.nan),
        "only 0 M",
    ),
    "10a": (
        put("thresholds", "threshold", 100.0, **END),
        put("thresholds", "threshold", np.nan, **END),
        "nearer to",
    ),
}


def test_in_the_papers_world_everything_holds(world, settings):
    found = scored(world, settings)
    assert found[found["verdict"] != HOLDS][["quantity", "value", "reason"]].to_dict("index") == {}
    assert list(found.index) == sorted(PARTS, key=lambda part: (int(part[:-1]), part[-1]))
    assert set(found["claim"]) == set(TITLES) == set(range(1, 11))
    one_value = [f"{row.claim}{row.part}" for row in STATEMENTS if row.joint]
    assert set(found.index[found["standard_error"].isna()]) == set(one_value)
    assert (found.drop(one_value)["seeds"] == 2).all()


@pytest.mark.parametrize("part", PARTS)
def test_a_false_statement_does_not_hold(part, world, settings):
    BENT[part][0](world, settings)
    found = scored(world, settings).loc[part]
    assert found["verdict"] == FAILS, found["reason"]


@pytest.mark.parametrize("part", PARTS)
def test_a_statement_that_the_tables_cannot_decide_says_why(part, world, settings):
    _, bend, reason = BENT[part]
    bend(world, settings)
    found = scored(world, settings).loc[part]
    assert found["verdict"] == UNTESTABLE
    assert reason in found["reason"]
    assert pd.isna(found["value"])
    assert found["seeds"] == 0


@pytest.mark.parametrize(("seeds", "count"), [((0,), 1), ((0, 1, 2), 3)])
def test_one_seed_and_several(seeds, count, settings):
    found = scored(worlds.tables(seeds=seeds), settings)
    assert (found["verdict"] == HOLDS).all()
    assert found.loc["1a", "seeds"] == count
    assert pd.isna(found.loc["1a", "standard_error"]) == (count == 1)


def test_without_llc_everything_else_is_judged(world, settings):
    del world["llc"]
    found = scored(world, settings)
    lost = found["claim"].isin([8, 9])
    assert (found[lost]["reason"] == "LLC not measured").all()
    assert (found[~lost]["verdict"] == HOLDS).all()


def test_a_grid_without_infinity_or_of_one_m_is_judged(settings):
    for grid in ((4,), (4, 16), (worlds.INF,), (1, 4, worlds.INF)):
        world = worlds.tables(grid=grid)
        if grid == (worlds.INF,):
            world["selection"] = pd.DataFrame(columns=list(tables.TABLES["selection"]))
            world["thresholds"] = pd.DataFrame(columns=list(tables.TABLES["thresholds"]))
        found = scored(world, settings)
        assert set(found["verdict"]) <= {HOLDS, FAILS, UNTESTABLE}
        assert (found["verdict"] == UNTESTABLE).sum() >= 6


def test_a_model_that_only_rises_has_no_transient_ridge(world, settings):
    low = {"task_diversity": 1, "dataset": OUT}
    put("smoothed_losses", "loss", lambda f: 1.9 + f["step"] / LAST, **low)(world, settings)
    assert scored(world, settings).loc["2c", "verdict"] == HOLDS


# -- the rule ---------------------------------------------------------------------------------


def test_the_mean_decides_on_either_side_of_the_threshold():
    assert judge([0.3], AT_LEAST, 0.2, 2).verdict == HOLDS
    assert judge([0.3], AT_MOST, 0.2, 2).verdict == FAILS
    assert judge([0.2], AT_MOST, 0.2, 2).verdict == HOLDS


def test_seeds_that_disagree_decide_nothing():
    clear, unclear = [0.30, 0.31, 0.29], [0.0, 0.5, 0.4]
    assert judge(clear, AT_LEAST, 0.2, 2).verdict == HOLDS
    found = judge(unclear, AT_LEAST, 0.2, 2)
    assert found.verdict == UNTESTABLE
    assert found.standard_error == pytest.approx(np.std(unclear, ddof=1) / 3**0.5)
    assert "3 seeds disagree" in found.reason
    assert judge(unclear, AT_LEAST, 0.2, 0.1).verdict == HOLDS


# -- files ------------------------------------------------------------------------------------


def test_the_page_says_what_the_table_says(world, settings, tmp_path):
    columns = claims.score(judged_by(world, settings))
    tables.write(tmp_path / "claims.parquet", "claims", columns, {})
    lines = claims.markdown(columns).splitlines()
    assert (
        lines[0]
        == f"{len(PARTS)} of {len(PARTS)} statements hold, 0 do not, 0 cannot be tested at this scale."
    )
    assert len([line for line in lines if line.startswith("|")]) == len(PARTS) + 2
    assert all(line.count("|") == 7 for line in lines if line.startswith("|"))
    del world["llc"]
    page = claims.markdown(claims.score(judged_by(world, settings)))
    assert "| - | at least 0.9 | not testable at this scale: LLC not measured |" in page


def test_every_m_has_a_row_of_means_over_seeds(world, settings):
    lines = claims.by_diversity(judged_by(world, settings)).splitlines()
    names, rows = lines[2].strip("| ").split(" | "), [line.strip("| ") for line in lines[4:]]
    assert [row.split(" | ")[0] for row in rows] == [f"{M:g}" for M in worlds.GRID]
    eight = dict(zip(names, rows[2].split(" | "), strict=True))
    assert eight["OOD loss of ridge"] == "1.4"
    assert eight["of dMMSE_M"] == f"{1.4 + worlds.gap(8):.3g}"
    low, high = (
        judged_by(world, settings).dip_and_rise(8, 0),
        judged_by(world, settings).dip_and_rise(8, 1),
    )
    assert eight["rise"].split(" ± ")[0] == f"{(low[1] + high[1]) / 2:.3g}"
    assert eight["LLC at the end"] == "40 ± 0.02"
    infinity = dict(zip(names, rows[-1].split(" | "), strict=True))
    assert (infinity["dip"], infinity["rise"]) == ("-", "-")
    world["llc"].loc[world["llc"]["task_diversity"] == 8, "healthy"] = False
    unhealthy = claims.by_diversity(judged_by(world, settings)).splitlines()[6]
    assert unhealthy.endswith("| - |")
    finite = claims.by_diversity(judged_by(worlds.tables(grid=(4, 16)), settings)).splitlines()
    assert [line.split(" | ")[0] for line in finite[4:]] == ["| 4", "| 16"]
