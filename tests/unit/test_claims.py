"""Verdicts on worlds in which each statement is true, false and untestable, and on worlds in which nothing happens."""

import math
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.unit import worlds
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.config import presets
from transient_ridge.config.configuration import root_seed_variants
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.errors import ConfigError
from transient_ridge.scorecard import claims, statement
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.page import by_diversity, scorecard
from transient_ridge.scorecard.root_seeds import judge_over_root_seeds
from transient_ridge.scorecard.statement import AT_LEAST, AT_MOST, PREDICTORS, RIDGE_PHASE, TITLES
from transient_ridge.scorecard.statements import STATEMENTS
from transient_ridge.scorecard.verdicts import (
    FAILS,
    HOLDS,
    UNDECIDED,
    UNTESTABLE,
    Spread,
    by_claim,
    judge,
    weakest,
)
from transient_ridge.stage import load

#: The paper's; those of presets are tried in extensions/test_statements.py.
PARTS = [f"{row.claim}{row.part}" for row in STATEMENTS if row.claim != statement.OWN]


@pytest.fixture(scope="module")
def laptops_settings() -> dict:
    return presets.load("laptop")["claims"] | {"paper_threshold": 181}


@pytest.fixture
def settings(laptops_settings) -> dict:
    return dict(laptops_settings)


@pytest.fixture(scope="module")
def papers_world() -> dict[str, pd.DataFrame]:
    return worlds.tables()


@pytest.fixture(scope="module")
def one_seed() -> dict[str, pd.DataFrame]:
    """The paper's world with one seed, where a gap in a table is one for all seeds. Not to be changed."""
    return worlds.tables(seeds=(0,))


@pytest.fixture
def world(papers_world) -> dict[str, pd.DataFrame]:
    return {name: frame.copy() for name, frame in papers_world.items()}


def judged_by(world, settings) -> Evidence:
    return Evidence(world, ClaimSettings.of(settings))


def scored(world, settings) -> pd.DataFrame:
    evidence = judged_by(world, settings)
    frame = pd.DataFrame(claims.score(claims.measure(evidence), evidence.settings).columns)
    frame.index = frame["claim"].astype(str) + frame["part"]
    return frame


@pytest.fixture
def alone(monkeypatch) -> Callable[[str, dict[str, pd.DataFrame], dict], pd.Series]:
    """Score one statement and no other, which takes a tenth of the time."""

    def score(part, world, settings):
        (row,) = [row for row in STATEMENTS if f"{row.claim}{row.part}" == part]
        monkeypatch.setattr(claims, "STATEMENTS", [row])
        return scored(world, settings).loc[part]

    return score


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
                kept = [worlds.INF, *worlds.GRID[:count]]
                world[table] = frame[frame["task_diversity"].isin(kept)]

    return bend


def config(**values):
    return lambda _, settings: settings.update(values)


def inverted(column):
    return lambda frame: -frame[column]


LAST, MIDDLE = worlds.STEPS[-1], worlds.STEPS[8]
OUT, IN = "out_of_distribution", "in_distribution"
END = {"step": LAST}
NO_INFINITY = drop("relative_distances", task_diversity=worlds.INF)
NO_RUN = "no run with M = inf"
LLC_LOST = without("llc")
NO_LLC = "the table llc is missing"


def flat(world, _):
    """No finite M's OOD loss moves."""
    losses = world["smoothed_losses"]
    finite = (losses["dataset"] == OUT) & ~np.isinf(losses["task_diversity"])
    losses.loc[finite, "loss"] = 3.4


#: statement -> (a world in which it is false, one in which it cannot be tested, what the reason says)
BENT = {
    "1a": (
        put("relative_distances", "relative_distance", 0.5, task_diversity=1, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "1b": (
        put("relative_distances", "relative_distance", 0.9, task_diversity=1024, **END),
        put("relative_distances", "ridge", 0.5, task_diversity=worlds.INF, **END),
        "dMMSE_1024 and ridge are 0.177 apart",
    ),
    "1c": (
        put("relative_distances", "relative_distance", lambda f: 1 - f["relative_distance"], **END),
        least_diversities(4),
        "ends nearer to dMMSE",
    ),
    "1d": (
        put("thresholds", "threshold", 16.0),
        put("thresholds", "threshold", np.nan),
        "nearer to",
    ),
    "2a": (
        flat,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "no greater OOD loss",
    ),
    "2b": (
        put("smoothed_losses", "loss", lambda f: 1.4 + 0.6 * (f["loss"] - 1.4), dataset=OUT, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "2c": (
        put("smoothed_losses", "loss", 1.4, dataset=OUT, step=MIDDLE),
        least_diversities(2),
        "2 finite M",
    ),
    "2d": (
        flat,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "no greater OOD loss",
    ),
    "2e": (
        put("relative_distances", "ridge", 0.5, task_diversity=worlds.INF, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "2f": (put("relative_distances", "relative_distance", 0.6), NO_INFINITY, NO_RUN),
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
        drop("pca_trajectories", component=1),
        "no component 1",
    ),
    "3e": (
        put("pca_trajectories", "coordinate", inverted("coordinate"), component=1),
        drop("pca_trajectories", component=1),
        "no component 1",
    ),
    "3f": (
        put("pca_idealised", "coordinate", lambda f: 999 / f["task_diversity"], component=1),
        drop("pca_idealised", component=2),
        "one component",
    ),
    "4a": (
        put("relative_distances", "ridge", 0.001, task_diversity=1, step=MIDDLE),
        least_diversities(0),
        "no finite M",
    ),
    "4b": (
        put("relative_distances", "ridge", 0.0, task_diversity=1, step=MIDDLE),
        NO_INFINITY,
        NO_RUN,
    ),
    "4c": (
        put("relative_distances", "ridge", lambda f: f["ridge"].clip(lower=0.9)),
        NO_INFINITY,
        NO_RUN,
    ),
    "5a": (
        put("pca_loadings", "loading", inverted("loading")),
        drop("pca_loadings", component=2),
        "one component",
    ),
    "6a": (
        put("pca_robustness", "trajectory_distance", 0.3, setting="16"),
        config(insensitive_from=512),
        "from 512 up",
    ),
    "6b": (
        put("pca_robustness", "trajectory_distance", 0.3, setting="linear"),
        drop("pca_robustness", check="schedule"),
        "no linear",
    ),
    "7a": (
        put("idealised_losses", "loss", 1.0, predictor="dmmse", dataset=IN, task_diversity=1024),
        least_diversities(2),
        "only 2 finite M",
    ),
    "7b": (
        put("smoothed_losses", "loss", 1.4, dataset=IN, task_diversity=4, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "8a": (put("llc", "llc", 60.0, task_diversity=1, **END), LLC_LOST, NO_LLC),
    "8b": (
        put("llc", "llc", 47.2, task_diversity=worlds.INF, **END),
        put("llc", "healthy", False),
        "no healthy LLC of M = inf",
    ),
    "8c": (
        put("llc", "llc", 80.0, task_diversity=128, **END),
        put("llc", "healthy", False),
        "0 dMMSE-like runs",
    ),
    "8d": (
        put("llc", "llc", 60.0, task_diversity=1024, **END),
        put("llc", "healthy", False, task_diversity=worlds.INF, **END),
        "no healthy LLC of M = inf",
    ),
    "9a": (
        put("selection", "crossover", 5.0, task_diversity=1),
        put("selection", "crossover", np.nan, task_diversity=1),
        "n* of the least M",
    ),
    "9b": (
        put("selection", "crossover", lambda f: 1e6 - f["crossover"]),
        put("selection", "crossover", np.nan),
        "n* is known for no M",
    ),
    "9c": (put("selection", "critical_step", inverted("critical_step")), LLC_LOST, NO_LLC),
    "9d": (
        put("selection", "switch_step", inverted("switch_step")),
        put("selection", "switch_step", np.nan),
        "only 0 M",
    ),
    "9e": (
        put("selection", "phase", "never ridge", task_diversity=16),
        put("selection", "phase", None),
        "not known",
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
    assert set(found["claim"]) == set(TITLES) - {statement.OWN} == set(range(1, 11))
    one_value = [f"{row.claim}{row.part}" for row in STATEMENTS if row.joint]
    assert set(found.index[found["standard_error"].isna()]) == set(one_value)
    assert (found.drop(one_value)["seeds"] == 2).all()


def test_one_seed_of_it_is_enough(one_seed, settings):
    assert set(scored(one_seed, settings)["verdict"]) == {HOLDS}


@pytest.mark.parametrize("part", PARTS)
def test_a_false_statement_does_not_hold(part, world, settings, alone):
    BENT[part][0](world, settings)
    found = alone(part, world, settings)
    assert found["verdict"] == FAILS, found["reason"]


@pytest.mark.parametrize("part", PARTS)
def test_a_statement_that_the_tables_cannot_decide_says_why(part, world, settings, alone):
    _, bend, reason = BENT[part]
    bend(world, settings)
    found = alone(part, world, settings)
    assert found["verdict"] == UNTESTABLE
    assert reason in found["reason"]
    assert pd.isna(found["value"])
    assert found["seeds"] == 0


# -- no pass without evidence -----------------------------------------------------------------


def test_without_training_nothing_about_models_holds(settings):
    found = scored(worlds.without_training(), settings)
    assert set(found[found["verdict"] == HOLDS]["about"]) <= {PREDICTORS}
    of_models = found[found["about"] != PREDICTORS]
    assert of_models["reason"].str.contains("train longer").all()


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_without_a_ridge_phase_nothing_about_it_holds(seeds, settings):
    found = scored(worlds.without_a_ridge_phase(seeds), settings)
    about = found[found["about"] == RIDGE_PHASE]
    assert about[about["verdict"] == HOLDS][["value", "reason"]].to_dict("index") == {}
    assert about.loc["2a", "verdict"] == FAILS
    # It is trained: what is said about training alone is judged.
    assert found.loc["1a", "verdict"] == found.loc["2e", "verdict"] == HOLDS


def test_a_straight_way_dips_and_rises_and_is_no_transient_ridge(settings):
    evidence = judged_by(worlds.without_a_ridge_phase(), settings)
    losses = evidence.losses(4, 0, OUT)
    below_both_ends = min(losses.iloc[0], losses.iloc[-1]) - losses.min()
    assert below_both_ends > settings["transience"] * evidence.gap(4)
    assert evidence.transience(4, 0) < settings["no_transience"]


# -- a contradiction does not hold ------------------------------------------------------------


def axis_on_the_third(world, _):
    points = world["pca_idealised"]
    third = points[points["component"] == 2].assign(component=3)
    third["coordinate"] *= 3
    world["pca_idealised"] = pd.concat([points, third], ignore_index=True)


def no_run_on_dmmses_side(world, settings):
    for column in ("threshold", "below"):
        put("thresholds", column, np.nan, **END)(world, settings)


def never_nearer(world, _):
    """No finite M comes nearer to ridge than the straight ways do."""
    distances = world["relative_distances"]
    finite = ~np.isinf(distances["task_diversity"])
    distances.loc[finite, "ridge"] = distances["ridge"].clip(lower=0.9)


@pytest.mark.parametrize(
    ("bend", "reasons"),
    [
        (
            flat,
            {part: "no M has a transient ridge" for part in ("2b", "2c", "2f", "8b", "9a", "9e")},
        ),
        (axis_on_the_third, dict.fromkeys(("3a", "5a"), "dMMSE_M to ridge is PC3")),
        (
            put("llc", "llc", 60.0, task_diversity=worlds.INF, **END),
            {"8b": "transience sets in at M = 8, and no LLC up to M = 1024 reaches lambda_inf"},
        ),
        (put("llc", "llc", 5.0, task_diversity=worlds.INF, **END), {"8b": "does not cross"}),
        (put("selection", "crossover", 0.0), {"9a": "none ever prefers ridge"}),
        (
            put("relative_distances", "relative_distance", 0.5, task_diversity=1, **END),
            {"4a": "does not end close to dMMSE_M"},
        ),
        (
            never_nearer,
            {"4b": "every path is straight"},
        ),
        (no_run_on_dmmses_side, {"7b": "no run ends on dMMSE's side"}),
    ],
)
def test_what_was_measured_and_is_not_so_does_not_hold(bend, reasons, world, settings):
    bend(world, settings)
    found = scored(world, settings)
    for part, reason in reasons.items():
        assert found.loc[part, "verdict"] == FAILS
        assert reason in found.loc[part, "reason"]
        assert pd.isna(found.loc[part, "value"])


def test_runs_beyond_the_papers_threshold_on_dmmses_side_contradict_it(settings):
    found = scored(worlds.without_a_ridge_phase(), settings).loc["1d"]
    assert found["verdict"] == FAILS
    assert f"M = {worlds.GRID[-2]} among them" in found["reason"]


def test_a_transient_m_that_is_never_to_prefer_ridge_counts_against_eq_8(world, settings):
    put("selection", "phase", "never ridge")(world, settings)
    found = scored(world, settings).loc["9e"]
    assert (found["value"], found["verdict"]) == (0, FAILS)
    assert "never ridge" in found["reason"]


def test_seeds_that_contradict_each_other_decide_nothing(world, settings):
    put("llc", "llc", 60.0, task_diversity=worlds.INF, seed=1, **END)(world, settings)
    found = scored(world, settings).loc["8b"]
    assert found["verdict"] == UNDECIDED
    assert found["reason"].startswith("1 of 2 seeds contradict it: transience sets in at M = 8")
    # The other seed's LLC crosses three octaves off.
    put("llc", "llc", 47.2, task_diversity=worlds.INF, seed=0, **END)(world, settings)
    assert scored(world, settings).loc["8b", "verdict"] == FAILS


def test_a_statement_of_the_papers_own_setting_is_made_there_alone(world, settings):
    assert "1d" not in scored(world, settings | {"paper_threshold": None}).index


# -- gaps in the tables -----------------------------------------------------------------------

#: What the paper's are not judged by: the claims along r are for the page alone, the rest for presets' statements.
OTHERS = {
    "claims_by_resolution", "gates", "head_ablation", "feature_losses", "task_gates", "strategies",
}  # fmt: skip
READ = sorted(set(load("scorecard.claims").tables) - OTHERS)


@pytest.mark.parametrize("table", READ)
def test_a_table_that_is_missing_empty_or_short_is_named(table, one_seed, settings):
    column = list(TABLES[table].columns)[-1]
    for gap, says in (
        (None, f"the table {table} is missing"),
        (worlds.empty(table), f"the table {table} is empty"),
        (one_seed[table].drop(columns=column), f"the table {table} lacks {column}"),
    ):
        world = {name: frame for name, frame in one_seed.items() if name != table}
        found = scored(world if gap is None else world | {table: gap}, settings)
        named = found["reason"].str.contains(says, regex=False)
        assert named.any()
        assert (found[named]["verdict"] == UNTESTABLE).all()
        assert by_diversity(judged_by(world if gap is None else world | {table: gap}, settings))


NUMBERS = [
    (table, column)
    for table in READ
    for column, (kind, _) in TABLES[table].columns.items()
    if str(kind) == "double" and column not in ("standard_error", "explained_variance")
]


@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_nan_passes_no_comparison(table, column, one_seed, settings):
    frame = one_seed[table].assign(**{column: np.nan})
    found = scored(one_seed | {table: frame}, settings)
    values = found[found["verdict"].isin([HOLDS, FAILS])]["value"].dropna()
    assert np.isfinite(values.astype(float)).all()


def test_without_llc_everything_else_is_judged(world, settings):
    world["llc"] = worlds.empty("llc")
    found = scored(world, settings)
    lost = found["claim"].isin([8, 9])
    assert found[lost]["reason"].str.contains("the table llc is empty").all()
    assert (found[~lost]["verdict"] == HOLDS).all()


def test_an_llc_before_the_last_checkpoint_is_not_one_of_the_end(world, settings):
    put("llc", "step", MIDDLE, **END)(world, settings)
    found = scored(world, settings)
    assert found.loc["8d", "verdict"] == UNTESTABLE
    assert "at the last checkpoint" in found.loc["8d", "reason"]


@pytest.mark.parametrize("grid", [(4,), (4, 16), (worlds.INF,), (1, 4, worlds.INF)])
def test_a_grid_without_infinity_or_of_one_m_is_judged(grid, settings):
    found = scored(worlds.tables(grid=grid), settings)
    assert set(found["verdict"]) <= {HOLDS, FAILS, UNDECIDED, UNTESTABLE}
    assert (found["verdict"] == UNTESTABLE).sum() >= 6


def test_without_l_of_u_the_predictors_losses_stand_in_and_it_is_said(world, settings):
    world["ridge_on_tasks"] = worlds.empty("ridge_on_tasks")
    found = scored(worlds.derive(world), settings)
    assert found.loc["9b", "verdict"] == HOLDS
    assert "l(u) on q_M not measured" in found.loc["9b", "reason"]


# -- statistics -------------------------------------------------------------------------------


def test_the_mean_decides_on_either_side_of_the_threshold():
    assert judge({0: [0.3]}, AT_LEAST, 0.2, 0.95).verdict == HOLDS
    assert judge({0: [0.3]}, AT_MOST, 0.2, 0.95).verdict == FAILS
    assert judge({0: [0.2]}, AT_MOST, 0.2, 0.95).verdict == HOLDS
    assert judge({0: [math.inf]}, AT_MOST, 0.2, 0.95).verdict == FAILS
    assert judge({0: [math.inf]}, AT_LEAST, 0.2, 0.95).verdict == FAILS
    assert judge({0: [math.nan]}, AT_LEAST, 0.2, 0.95).verdict == FAILS


def test_the_interval_of_three_seeds_is_students():
    values = [0.30, 0.31, 0.29]
    spread = Spread.of({0: values})
    assert spread.standard_error == pytest.approx(0.01 / 3**0.5)
    assert spread.half_width(0.95) == pytest.approx(4.302653 * 0.01 / 3**0.5)
    # Two standard errors would decide it.
    assert judge({0: values}, AT_LEAST, 0.28, 0.95).verdict == UNDECIDED
    assert judge({0: values}, AT_LEAST, 0.27, 0.95).verdict == HOLDS
    found = judge({0: values}, AT_LEAST, 0.28, 0.95)
    assert found.margin == pytest.approx(spread.half_width(0.95))
    assert "the same tasks" in found.reason


def test_a_step_of_the_grid_widens_the_interval():
    assert judge({0: [0.1]}, AT_MOST, 0.75, 0.95, resolution=0.5).verdict == HOLDS
    found = judge({0: [0.4]}, AT_MOST, 0.75, 0.95, resolution=0.5)
    assert (found.verdict, found.margin) == (UNDECIDED, 0.5)


def test_both_variances_are_found():
    rng = np.random.default_rng(1)
    roots = rng.normal(5, 3, 400)
    spread = Spread.of({i: (root + rng.normal(0, 2, 4)).tolist() for i, root in enumerate(roots)})
    assert spread.over_seeds == pytest.approx(2, rel=0.05)
    assert spread.over_root_seeds == pytest.approx(3, rel=0.1)
    assert spread.freedom == 399
    assert spread.standard_error == pytest.approx((9 + 4 / 4) ** 0.5 / 20, rel=0.1)


def test_root_seeds_that_differ_no_more_than_seeds_add_no_variance():
    spread = Spread.of({0: [0.0, 2.0], 1: [0.0, 2.0], 2: [2.0, 0.0]})
    assert spread.over_root_seeds == 0
    assert spread.over_seeds == pytest.approx(2**0.5)


def test_one_seed_of_each_root_seed_gives_an_interval_over_root_seeds():
    found = judge({0: [1.0], 1: [2.0], 2: [3.0]}, AT_LEAST, 0.0, 0.95)
    assert (found.deviation_seeds, found.deviation_root_seeds) == (None, 1.0)
    assert found.margin == pytest.approx(4.302653 / 3**0.5)
    assert found.reason.endswith("3 values of 3 root seeds")


def test_root_seeds_are_pooled_from_the_values_of_their_variants(settings):
    thresholds = ClaimSettings.of(settings)
    together = claims.pooled(
        [
            claims.measure(Evidence(worlds.tables(seeds=seeds), thresholds, root))
            for root, seeds in ((0, (0, 1)), (1, (2, 3)), (2, (4, 5)))
        ]
    )
    found = pd.DataFrame(claims.score(together, thresholds).columns).set_index(["claim", "part"])
    assert (found["root_seeds"] == 3).all()
    assert found.loc[(2, "a"), "seeds"] == 6
    assert found.loc[(3, "a"), "seeds"] == 3  # one joint PCA for each
    assert found.loc[(3, "a"), "standard_error"] == 0
    assert found.loc[(2, "a"), "deviation_seeds"] > 0


def test_variants_that_differ_in_their_root_seed_are_judged_together(settings):
    thresholds = ClaimSettings.of(settings)
    values = [
        claims.measure(Evidence(worlds.tables(seeds=(2 * root, 9)), thresholds, root)).frame()
        for root in (0, 1)
    ]
    _, page = judge_over_root_seeds(values, ClaimSettings.of(settings))
    (row,) = [line for line in page.text.splitlines() if line.startswith("| 2a |")]
    assert "4 values of 2 root seeds" in row
    assert re.search(r"deviation [\d.e-]+ over seeds, [\d.e-]+ over root seeds", row)


def test_variants_with_another_change_or_the_same_root_seed_are_not_pooled():
    config = presets.read("laptop")
    assert root_seed_variants(config) == []
    config["variants"] = {
        "base": {},
        "tasks-1": {"seed": 1},
        "deep": {"seed": 2, "model": {"layers": 3}},
    }
    assert root_seed_variants(config) == ["base", "tasks-1"]
    config["variants"] = {"base": {}, "again": {"seed": config["seed"]}}
    assert root_seed_variants(config) == []


# -- a statement of one's own -----------------------------------------------------------------


@pytest.fixture
def own_statement():
    @statement.states(
        statement.OWN, "a", "M = 16 turns early", "share", AT_MOST, "turns_by", about=RIDGE_PHASE
    )
    def _turns(evidence, seed):
        return evidence.critical_step(16, seed) / evidence.last_step(16, seed)

    yield
    STATEMENTS.pop()


@pytest.mark.usefixtures("own_statement")
def test_a_statement_of_ones_own_is_scored(world, settings):
    found = scored(world, settings | {"own": {"turns_by": 0.5}}).loc["11a"]
    assert (found["verdict"], found["threshold"]) == (HOLDS, 0.5)
    with pytest.raises(ConfigError, match=r"claims\.own\.turns_by: missing; statement 11a"):
        scored(world, settings)


# -- what is written --------------------------------------------------------------------------


def test_a_claims_verdict_is_that_of_its_weakest_statement(world, settings):
    put("smoothed_losses", "loss", 1.4, dataset=IN, task_diversity=4, **END)(world, settings)
    put("llc", "healthy", False, task_diversity=worlds.INF, **END)(world, settings)
    rows = scored(world, settings).to_dict("records")
    found = by_claim(rows)
    assert (found[7]["part"], found[7]["verdict"]) == ("b", FAILS)
    assert (found[8]["part"], found[8]["verdict"]) == ("b", UNTESTABLE)
    assert found[1]["verdict"] == HOLDS
    assert by_claim([row for row in rows if row["about"] == PREDICTORS]) == {7: None}
    near, far = rows[0] | {"value": 0.76}, rows[0] | {"value": 0.9}
    assert weakest([far, near]) == near


def test_the_page_has_ten_claims_and_then_their_statements(world, settings):
    evidence = judged_by(world, settings)
    rows = claims.score(claims.measure(evidence), evidence.settings)
    page = scorecard(rows)
    counted = len(PARTS) - 1  # 7a is about predictors alone
    assert page.startswith(f"{counted} of {counted} statements hold, 0 do not, 0 are undecided")
    assert "(1 about the idealised predictors alone not counted)" in page.splitlines()[0]
    first, second = (part.split("\n\n")[0] for part in page.split("\n\n|")[1:])
    assert len(first.splitlines()) == 2 + 10
    lines = second.splitlines()
    assert len(lines) == 2 + len(PARTS)
    assert {line.count("|") for line in lines[1:]} == {8}
    (gap,) = [line for line in lines if "| 7a |" in f"|{line}"]
    assert "(predictors alone: not counted)" in gap
    world["llc"] = worlds.empty("llc")
    evidence = judged_by(world, settings)
    page = scorecard(claims.score(claims.measure(evidence), evidence.settings))
    assert "not testable at this scale: not measured: the table llc is empty |" in page


def test_every_m_has_a_row_of_means_over_seeds(world, settings):
    evidence = judged_by(world, settings)
    lines = by_diversity(evidence).splitlines()
    names, rows = lines[2].strip("| ").split(" | "), [line.strip("| ") for line in lines[4:]]
    assert [row.split(" | ")[0] for row in rows] == [f"{M:g}" for M in worlds.GRID]
    eight = dict(zip(names, rows[2].split(" | "), strict=True))
    assert eight["OOD loss of ridge"] == "1.4"
    assert eight["of dMMSE_M"] == f"{1.4 + worlds.gap(8):.3g}"
    low, high = evidence.dip_and_rise(8, 0), evidence.dip_and_rise(8, 1)
    assert eight["rise"].split(" ± ")[0] == f"{(low[1] + high[1]) / 2:.3g}"
    assert eight["LLC at the end"] == "42.5 ± 0.021"
    infinity = dict(zip(names, rows[-1].split(" | "), strict=True))
    assert (infinity["dip"], infinity["rise"]) == ("-", "-")
    world["llc"].loc[world["llc"]["task_diversity"] == 8, "healthy"] = False
    unhealthy = by_diversity(judged_by(world, settings)).splitlines()[6]
    assert unhealthy.endswith("| - |")
    finite = by_diversity(judged_by(worlds.tables(grid=(4, 16)), settings)).splitlines()
    assert [line.split(" | ")[0] for line in finite[4:]] == ["| 4", "| 16"]
