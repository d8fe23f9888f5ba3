"""Verdicts on worlds in which each statement is true, false and untestable, and on worlds in which nothing happens."""

import math
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from tests.unit import worlds
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import presets
from transient_ridge.config.configuration import root_seed_variants
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.errors import ConfigError
from transient_ridge.scorecard import claims, statement
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.nulls import (
    GENERALISING,
    GROWING,
    MEMORISING,
    NULLS,
    SOFTENED,
    STRAIGHT,
    SWAPPED,
    straight,
)
from transient_ridge.scorecard.page import by_diversity, scorecard
from transient_ridge.scorecard.root_seeds import judge_over_root_seeds
from transient_ridge.scorecard.statement import (
    AT_LEAST,
    AT_MOST,
    PAPER,
    PREDICTORS,
    RIDGE_PHASE,
    TITLES,
    Statement,
)
from transient_ridge.scorecard.statements import STATEMENTS
from transient_ridge.scorecard.verdicts import (
    FAILS,
    HOLDS,
    MET,
    NO_CLAIM,
    NOT_DISCRIMINATING,
    NOT_MET,
    UNDECIDED,
    UNTESTABLE,
    Spread,
    assess,
    by_claim,
    excess_of,
    holm,
    proportion,
)
from transient_ridge.stage import load

#: The paper's statements; those of presets are tested in extensions/test_statements.py.
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
    """The paper's world with one seed, so that a gap in a table affects all seeds; do not change it."""
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
    """Score only one statement, in a tenth of the time."""

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


LAST, MIDDLE, LATE = worlds.STEPS[-1], worlds.STEPS[8], worlds.STEPS[-4]
OUT, IN = "out_of_distribution", "in_distribution"
END = {"step": LAST}
NO_INFINITY = drop("relative_distances", task_diversity=worlds.INF)
NO_RUN = "no run with M = inf"
LLC_LOST = without("llc")
NO_LLC = "the table llc is missing"


def flat(world, _):
    """The OOD loss of no finite M moves."""
    losses = world["smoothed_losses"]
    finite = (losses["dataset"] == OUT) & ~np.isinf(losses["task_diversity"])
    losses.loc[finite, "loss"] = 3.4


def straight_ways(world, settings):
    world |= straight(judged_by(world, settings))


#: statement -> (a world in which it is false, one in which it cannot be tested, text in the reason)
BENT = {
    "1a": (put("relative_distances", "alpha", 0.5, task_diversity=1, **END), NO_INFINITY, NO_RUN),
    "1b": (
        put("relative_distances", "alpha", 0.9, task_diversity=1024, **END),
        put("relative_distances", "ridge", 0.5, task_diversity=worlds.INF, **END),
        "dMMSE_1024 and ridge are 0.0156 apart",
    ),
    "1c": (
        put("relative_distances", "alpha", 0.2, **END),
        least_diversities(4),
        "ends nearer to dMMSE",
    ),
    "1d": (
        put("thresholds", "threshold", 16.0),
        put("thresholds", "threshold", np.nan),
        "nearer to",
    ),
    "1e": (
        put("relative_distances", "ridge", 0.45, task_diversity=worlds.INF, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "2a": (
        flat,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "is not above ridge",
    ),
    "2b": (put("relative_distances", "alpha_out", 0.5), NO_INFINITY, NO_RUN),
    "2c": (
        flat,
        put("idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse"),
        "is not above ridge",
    ),
    "2d": (
        put("smoothed_losses", "loss", lambda f: 1.4 + 0.6 * (f["loss"] - 1.4), dataset=OUT, **END),
        NO_INFINITY,
        NO_RUN,
    ),
    "2e": (
        put("smoothed_losses", "loss", 1.4, dataset=OUT, step=MIDDLE),
        least_diversities(2),
        "2 finite M",
    ),
    "2f": (put("relative_distances", "alpha", 0.6), NO_INFINITY, NO_RUN),
    "3a": (
        put("pca_variance", "explained_variance_ratio", 0.1),
        drop("pca_variance", component=2),
        "one component",
    ),
    "3b": (
        put("pca_idealised", "coordinate", inverted("coordinate"), component=2),
        drop("pca_trajectories", component=2),
        "no component 2",
    ),
    "3c": (
        put("pca_idealised", "coordinate", inverted("coordinate"), component=2),
        least_diversities(1),
        "only 2 idealised predictors",
    ),
    "3d": (
        put("pca_trajectories", "coordinate", lambda f: (f["step"] % 7).astype(float), component=1),
        drop("pca_trajectories", component=1),
        "no component 1",
    ),
    "3e": (
        put("pca_trajectories", "coordinate", lambda f: (f["step"] % 7).astype(float), component=1),
        drop("pca_trajectories", component=1),
        "no component 1",
    ),
    "3f": (
        put("pca_idealised", "coordinate", lambda f: 999 / f["task_diversity"], component=1),
        drop("pca_idealised", component=2),
        "one component",
    ),
    "4a": (
        put("pca_trajectories", "coordinate", 0.0, task_diversity=1, component=2, step=LATE),
        least_diversities(0),
        "no finite M",
    ),
    "4b": (
        put("pca_trajectories", "coordinate", 0.0, task_diversity=1, component=2, step=LATE),
        NO_INFINITY,
        NO_RUN,
    ),
    "4c": (
        straight_ways,
        NO_INFINITY,
        NO_RUN,
    ),
    "4d": (
        put("relative_distances", "alpha_out", 0.45, task_diversity=1024, **END),
        least_diversities(0),
        "no finite M",
    ),
    "5a": (
        put("pca_loadings", "loading", 0.1),
        drop("pca_loadings", component=2),
        "only 0 positions",
    ),
    "6a": (
        put("pca_robustness", "trajectory_distance", 0.3, setting="16"),
        config(insensitive_from=512),
        "from 512 up",
    ),
    "6b": (
        put("pca_robustness", "trajectory_distance", 0.3, setting="linear"),
        drop("pca_robustness", check="schedule"),
        "only linear or only logarithmic",
    ),
    "7a": (
        put("idealised_losses", "loss", 0.5, predictor="dmmse", dataset=IN, task_diversity=1024),
        least_diversities(2),
        "only 2 finite M",
    ),
    "7b": (put("smoothed_losses", "loss", 1.4, dataset=IN, **END), NO_INFINITY, NO_RUN),
    "7c": (
        put(
            "smoothed_losses",
            "loss",
            lambda f: f["loss"] - 0.5 / f["task_diversity"] ** 0.5,
            dataset=IN,
            **END,
        ),
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
        put("selection", "loss_difference", inverted("task_diversity")),
        put("selection", "loss_difference", np.nan),
        "only 0 runs",
    ),
    "9b": (
        put("selection", "llc_difference", 5.0, task_diversity=1),
        put("selection", "llc_difference", np.nan, task_diversity=1),
        "Delta lambda is not known for the least M",
    ),
    "9c": (
        put("selection", "switch_step", lambda f: 1e6 - f["switch_step"]),
        put("selection", "switch_step", lambda f: f["switch_step"].where(f["task_diversity"] == 8)),
        "only 1 M turns",
    ),
    "9d": (
        put("selection", "crossover", lambda f: 1e6 - f["crossover"]),
        put("selection", "crossover", np.nan),
        "n* is known for no M",
    ),
    "9e": (put("selection", "critical_step", inverted("critical_step")), LLC_LOST, NO_LLC),
    "9f": (
        put("selection", "switch_step", inverted("switch_step")),
        put("selection", "switch_step", np.nan),
        "only 0 M",
    ),
    "9g": (
        put("selection", "phase", "never ridge", task_diversity=16),
        put("selection", "phase", None),
        "not known",
    ),
    "9h": (
        put("selection", "crossover_step", 1e-3),
        put("selection", "switch_step", np.nan),
        "no M with a switch",
    ),
    "10a": (
        put("thresholds", "threshold", 100.0, **END),
        put("thresholds", "threshold", np.nan, **END),
        "nearer to",
    ),
}


#: Further questions whose statement is false even in the paper's world: n* of Eq. 8 is not a number of pairs seen.
OTHERWISE = {"9h"}


def test_one_draw_of_the_papers_world_meets_everything(one_seed, settings):
    found = scored(one_seed, settings)
    verdicts = found["verdict"].drop(["10a", *OTHERWISE])
    assert set(verdicts) == {MET}, verdicts[verdicts != MET].to_dict()
    assert found.loc["10a", "verdict"] == NO_CLAIM
    assert list(found.index) == sorted(PARTS, key=lambda part: (int(part[:-1]), part[-1]))
    assert set(found["claim"]) == set(TITLES) - {statement.OWN} == set(range(1, 11))
    assert (found["seeds"] == 1).all()
    assert (found["root_seeds"] == 1).all()


@pytest.mark.parametrize("part", PARTS)
def test_a_false_statement_is_not_met(part, one_seed, settings, alone):
    world = {name: frame.copy() for name, frame in one_seed.items()}
    BENT[part][0](world, settings)
    found = alone(part, world, settings)
    assert found["verdict"] == (NO_CLAIM if part == "10a" else NOT_MET), found["reason"]
    if part == "10a":
        assert found["value"] > found["threshold"]


@pytest.mark.parametrize("part", PARTS)
def test_a_statement_that_the_tables_cannot_decide_gives_the_reason(part, world, settings, alone):
    _, bend, reason = BENT[part]
    bend(world, settings)
    found = alone(part, world, settings)
    assert found["verdict"] == UNTESTABLE
    assert reason in found["reason"]
    assert pd.isna(found["value"])
    assert found["seeds"] == 0


# -- worlds of perfect transience, and their nulls ------------------------------------------------


@pytest.fixture(scope="module")
def draws(laptops_settings):
    """Every course of a perfect transience as a separate draw: its values, and those of its nulls."""
    settings = ClaimSettings.of(laptops_settings)
    parts = []
    for course in range(len(worlds.COURSES)):
        over = worlds.perfect(course)
        world = worlds.tables(worlds.WIDE, seeds=(0,), over=over)
        parts.append(claims.measure(Evidence(world, settings, root_seed=course + 1)))
    return Rows.of("claim_values", pd.concat([part.frame() for part in parts]))


def test_every_statement_of_the_papers_has_a_null_and_a_text_without_numbers_of_the_configuration():
    paper = [row for row in STATEMENTS if row.kind == PAPER]
    assert len(paper) == 30
    for row in STATEMENTS:
        assert set(row.nulls) <= set(NULLS)
        assert row.claim == statement.OWN or bool(row.nulls) == (row.kind == PAPER), row.name
    assert not [row.name for row in paper if re.search(r"M = 32|B = \d", row.text)]


def test_in_perfect_transience_all_of_the_papers_statements_hold(draws, laptops_settings):
    found = claims.score(draws, ClaimSettings.of(laptops_settings)).frame()
    found.index = found["claim"].astype(str) + found["part"]
    found = found[found["kind"] == PAPER]
    assert len(worlds.COURSES) == 18
    assert (found["root_seeds"] == 18).all()
    others = found[found["verdict"] != HOLDS]
    assert others[["value", "verdict", "reason"]].to_dict("index") == {}


def test_no_statement_passes_in_its_null(draws, laptops_settings):
    settings = ClaimSettings.of(laptops_settings)
    values = draws.frame()
    values.index = values["claim"].astype(str) + values["part"]
    for row in STATEMENTS:
        if row.kind != PAPER:
            continue
        assert values.loc[[row.name], "null"].isin(row.nulls).all(), row.name
        nulls = values.loc[[row.name], "null_value"].dropna()
        excess = nulls.map(
            lambda x, r=row: excess_of(r.comparison, x, claims.threshold_of(r, settings))
        )
        assert (excess < 0).all(), row.name


@pytest.mark.parametrize("name", [STRAIGHT, SOFTENED, MEMORISING, GENERALISING])
def test_applying_a_null_twice_changes_nothing_more(name, one_seed, settings):
    once = judged_by(NULLS[name](judged_by(one_seed, settings)), settings)
    twice = judged_by(NULLS[name](once), settings)
    for M in (4.0, 32.0, 256.0):
        for column in ("ridge", "dmmse_out"):
            np.testing.assert_allclose(once.path(M, 0)[column], twice.path(M, 0)[column], atol=2e-3)
    if name == STRAIGHT:
        assert once.deflection(64, 0) == pytest.approx(0, abs=0.01)
        assert judged_by(one_seed, settings).deflection(64, 0) > 0.5


def test_a_deflection_is_no_evidence_if_softened_dmmse_bends_too(one_seed, settings, alone):
    assert alone("4c", one_seed, settings)["verdict"] == MET
    points = one_seed["pca_softened"].copy()
    late = points["component"] == 2
    points.loc[late, "coordinate"] *= points.loc[late, "inverse_temperature"] ** 9
    bent = one_seed | {"pca_softened": points}
    softened = judged_by(NULLS[SOFTENED](judged_by(bent, settings)), settings)
    assert softened.deflection(64, 0) > 0.5
    assert alone("4c", bent, settings)["verdict"] == NOT_DISCRIMINATING
    without = {name: frame for name, frame in one_seed.items() if name != "pca_softened"}
    found = alone("4c", without, settings)
    assert found["verdict"] == MET
    assert "null 'softened': not measured" in found["reason"]


def test_straight_paths_show_no_transience_in_any_course(settings):
    for course in (0, 9, 17):
        world = worlds.tables(worlds.WIDE, (0,), over=worlds.perfect(course))
        found = scored(straight(judged_by(world, settings)), settings)
        found = found[(found["kind"] == PAPER) & (found["about"] == RIDGE_PHASE)]
        ends = {
            "1b",
            "1c",
            "1d",
            "4d",
            "7c",
            "9b",
        }  # these are about where runs end, and about runs that end at ridge
        assert not set(found.index[found["verdict"] == MET]) - ends


def test_the_nulls_of_a_growing_llc_and_of_swapped_components(one_seed, settings):
    evidence = judged_by(one_seed, settings)
    grown = judged_by(NULLS[GROWING](evidence), settings).llc(0)
    assert grown[32.0] == evidence.llc(0)[32.0]
    assert grown[128.0][0] > evidence.llc(0)[128.0][0] + 5
    other = judged_by(NULLS[SWAPPED](evidence), settings)
    pd.testing.assert_series_equal(other.component(1, 0), evidence.component(2, 0))


# -- no pass without evidence -----------------------------------------------------------------


def test_without_training_nothing_about_models_holds(settings):
    found = scored(worlds.without_training(), settings)
    assert set(found[found["verdict"] == MET]["about"]) <= {PREDICTORS}
    of_models = found[(found["about"] != PREDICTORS) & (found["claim"] != 10)]
    assert of_models["reason"].str.contains("train longer").all()


@pytest.mark.parametrize("seeds", [(0,), (0, 1, 2)])
def test_without_a_ridge_phase_nothing_about_it_holds(seeds, settings):
    found = scored(worlds.without_a_ridge_phase(seeds), settings)
    about = found[found["about"] == RIDGE_PHASE]
    assert about[about["verdict"] == MET][["value", "reason"]].to_dict("index") == {}
    assert about.loc["2b", "verdict"] == NOT_MET
    # The world is trained, so statements about training are judged.
    assert found.loc["1e", "verdict"] == MET


def test_a_straight_path_that_dips_and_rises_is_not_a_transient_ridge(settings):
    evidence = judged_by(worlds.without_a_ridge_phase(), settings)
    losses = evidence.losses(4, 0, OUT)
    below_both_ends = min(losses.iloc[0], losses.iloc[-1]) - losses.min()
    assert below_both_ends > 0.08 * evidence.gap(4)
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


@pytest.mark.parametrize(
    ("bend", "reasons"),
    [
        (
            flat,
            {part: "no M has a transient ridge" for part in ("2d", "2e", "2f", "8b", "9b", "9g")},
        ),
        (axis_on_the_third, {"5a": "dMMSE_M to ridge is PC3"}),
        (
            put("llc", "llc", 60.0, task_diversity=worlds.INF, **END),
            {"8b": "transience sets in at M = 8, and no LLC up to M = 1024 reaches lambda_inf"},
        ),
        (put("llc", "llc", 5.0, task_diversity=worlds.INF, **END), {"8b": "does not cross"}),
        (put("selection", "crossover", 0.0), {"9h": "n* is 0 or infinite"}),
        (
            put("relative_distances", "alpha", 0.5, task_diversity=1, **END),
            {"4a": "does not end close to dMMSE_M"},
        ),
        (
            straight_ways,
            {"4b": "every path is straight"},
        ),
        (no_run_on_dmmses_side, {"7b": "no run ends on dMMSE's side"}),
    ],
)
def test_a_contradicted_statement_is_not_met(bend, reasons, one_seed, settings):
    world = {name: frame.copy() for name, frame in one_seed.items()}
    bend(world, settings)
    found = scored(world, settings)
    for part, reason in reasons.items():
        assert found.loc[part, "verdict"] == NOT_MET
        assert reason in found.loc[part, "reason"]
        assert pd.isna(found.loc[part, "value"])


def test_runs_beyond_the_papers_threshold_on_dmmses_side_contradict_it(settings):
    found = scored(worlds.without_a_ridge_phase(seeds=(0,)), settings).loc["1d"]
    assert found["verdict"] == NOT_MET
    assert f"M = {worlds.GRID[-2]} among them" in found["reason"]


def test_a_transient_m_where_eq_8_never_prefers_ridge_counts_against_it(world, settings):
    put("selection", "phase", "never ridge")(world, settings)
    found = scored(world, settings).loc["9g"]
    assert (found["value"], found["verdict"]) == (0, NOT_MET)
    assert "never ridge" in found["reason"]


def test_a_statement_about_the_papers_setting_is_made_only_there(world, settings):
    assert "1d" not in scored(world, settings | {"paper_threshold": None}).index


# -- gaps in the tables -----------------------------------------------------------------------

#: Tables that judge no claim of the paper: those along r are for the page, the rest for the statements of presets.
OTHERS = {
    "claims_by_resolution", "gates", "head_ablation", "feature_losses", "task_gates", "unchanged", "strategies",
    "softened_dmmse", "pca_softened",
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
    if kind == "float64" and column not in ("standard_error", "explained_variance")
]


@pytest.fixture(scope="module")
def without_gaps(one_seed, laptops_settings) -> pd.DataFrame:
    return scored(one_seed, laptops_settings)


@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_nan_decides_no_comparison(table, column, one_seed, without_gaps, settings):
    """A statement that reads the column is not testable; any other keeps its value and its verdict."""
    frame = one_seed[table].assign(**{column: np.nan})
    found = scored(one_seed | {table: frame}, settings)
    decided = found["verdict"] != UNTESTABLE
    outcome = ["value", "verdict"]
    pd.testing.assert_frame_equal(
        found.loc[decided, outcome], without_gaps.loc[decided, outcome], check_dtype=False
    )


@pytest.mark.parametrize(
    ("table", "column", "rows", "part"),
    [
        ("pca_trajectories", "coordinate", 1, "6a"),
        ("pca_trajectories", "coordinate", None, "6a"),
        ("softened_dmmse", "ridge", None, "1b"),
    ],
)
def test_a_gap_in_a_null_makes_its_statement_untestable(
    table, column, rows, part, one_seed, settings, alone
):
    frame = one_seed[table].copy()
    frame.loc[frame.index[:rows], column] = np.nan
    found = alone(part, one_seed | {table: frame}, settings)
    assert found["verdict"] == UNTESTABLE
    assert "its null is not known" in found["reason"]


def test_a_null_that_cannot_be_made_is_reported_and_the_statement_does_not_pass(
    one_seed, settings, alone
):
    """Without softened dMMSE the paths of the runs to it are unknown, so the statement is not testable."""
    world = {name: frame for name, frame in one_seed.items() if name != "softened_dmmse"}
    found = alone("1b", world, settings)
    assert found["verdict"] == UNTESTABLE
    assert "its null is not known: not measured: the table softened_dmmse" in found["reason"]


def test_a_null_that_contradicts_is_shown_in_words(one_seed, settings, alone):
    """If all runs take the course of the largest M, none ends on dMMSE's side of the threshold."""
    found = alone("7b", one_seed, settings)
    assert (found["verdict"], found["null_outcome"]) == (MET, "contradicted")
    assert pd.isna(found["null_value"])


def test_a_statement_of_the_papers_without_a_null_is_refused():
    with pytest.raises(ValueError, match="statement 1z is the paper's and names no null"):
        Statement("1z", "", "", lambda evidence, seed: 0.0, at_least=0.5)


@pytest.mark.parametrize("thresholds", [{}, {"at_least": 0.5, "at_most": 0.6}])
def test_a_statement_has_one_threshold(thresholds):
    with pytest.raises(ValueError, match="statement 1z: needs either at_least or at_most"):
        Statement("1z", "", "", lambda evidence, seed: 0.0, nulls=(STRAIGHT,), **thresholds)


def test_a_statement_without_text_is_refused():
    with pytest.raises(ValueError, match="statement 1z: its docstring must state it"):
        statement.states("1z", at_least=0.5)(lambda evidence, seed: 0.0)


def test_without_llc_everything_else_is_judged(one_seed, settings):
    found = scored(one_seed | {"llc": worlds.empty("llc")}, settings)
    lost = found["claim"].isin([8, 9])
    lost &= ~found.index.isin(["9a", "9c"])  # which need no LLC
    assert found[lost]["reason"].str.contains("the table llc is empty").all()
    assert set(found[~lost]["verdict"]) == {MET, NO_CLAIM}


def test_an_llc_before_the_last_checkpoint_does_not_count(world, settings):
    put("llc", "step", MIDDLE, **END)(world, settings)
    found = scored(world, settings)
    assert found.loc["8d", "verdict"] == UNTESTABLE
    assert "at the last checkpoint" in found.loc["8d", "reason"]


@pytest.mark.parametrize("grid", [(4,), (4, 16), (worlds.INF,), (1, 4, worlds.INF)])
def test_a_grid_without_infinity_or_of_one_m_is_judged(grid, settings):
    found = scored(worlds.tables(grid=grid), settings)
    assert set(found["verdict"]) <= {MET, NOT_MET, UNDECIDED, UNTESTABLE, NOT_DISCRIMINATING}
    assert (found["verdict"] == UNTESTABLE).sum() >= 6


def test_without_l_of_u_the_predictors_losses_stand_in_with_a_remark(world, settings):
    world["ridge_on_tasks"] = worlds.empty("ridge_on_tasks")
    found = scored(worlds.derive(world), settings)
    assert found.loc["9d", "verdict"] == MET
    assert "l(u) on q_M not measured" in found.loc["9d", "reason"]


# -- statistics -------------------------------------------------------------------------------


def a_statement(comparison=AT_LEAST, exists=False, claim=1, nulls=(STRAIGHT,)):
    threshold = {"at_least" if comparison == AT_LEAST else "at_most": 0.2}
    return Statement(
        f"{claim}a", "", "", lambda evidence, seed: 0.0, nulls=nulls, exists=exists, **threshold
    )


def judge(values, threshold, settings, statement=None, **more):
    """The verdict on ``values``: root seed -> a number for each seed, or its outcome if it has none."""
    rows = []
    for root, each in values.items():
        for seed, value in enumerate(each):
            number = None if isinstance(value, str) else value
            row = {
                "root_seed": root, "seed": seed, "value": number, "resolution": 0.0, "error": 0.0,
                "null_value": None, "null_outcome": None,
                "outcome": value if number is None else "measured", "reason": "why" if number is None else "",
            }  # fmt: skip
            rows.append(row | more)
    return assess(statement or a_statement(), rows, threshold, ClaimSettings.of(settings))


def test_one_draw_is_met_or_not_met_but_not_a_verdict(settings):
    for comparison, value, verdict in (
        (AT_LEAST, 0.3, MET), (AT_MOST, 0.3, NOT_MET), (AT_MOST, 0.2, MET), (AT_MOST, math.inf, NOT_MET),
        (AT_LEAST, math.inf, NOT_MET),
    ):  # fmt: skip
        assert judge({1: [value]}, 0.2, settings, a_statement(comparison)).verdict == verdict
    seeds = judge({1: [0.3, 0.31, 0.29]}, 0.2, settings)
    assert seeds.verdict == MET
    assert "the same tasks" in seeds.reason


def test_the_interval_of_three_draws_is_students(settings):
    values = {1: [0.30], 2: [0.31], 3: [0.29]}
    spread = Spread.of(values)
    assert spread.standard_error == pytest.approx(0.01 / 3**0.5)
    assert spread.half_width(0.95) == pytest.approx(4.302653 * 0.01 / 3**0.5)
    # Two standard errors would decide it.
    assert judge(values, 0.28, settings).verdict == UNDECIDED
    assert judge(values, 0.27, settings).verdict == HOLDS
    assert judge(values, 0.33, settings).verdict == FAILS
    found = judge(values, 0.28, settings)
    assert found.margin == pytest.approx(spread.half_width(0.95))
    assert found.p_value == pytest.approx(0.0371, abs=1e-3)


def test_a_step_of_the_grid_and_the_monte_carlo_error_widen_the_interval(settings):
    below = a_statement(AT_MOST)
    assert judge({1: [0.1]}, 0.75, settings, below, resolution=0.5).verdict == MET
    found = judge({1: [0.4]}, 0.75, settings, below, resolution=0.5)
    assert (found.verdict, found.margin) == (UNDECIDED, 0.5)
    # 8d on the published laptop run.
    llc = judge({1: [0.210]}, 0.2, settings, below, error=0.052)
    assert llc.verdict == UNDECIDED
    assert llc.margin == pytest.approx(1.96 * 0.052, rel=1e-3)
    assert judge({1: [0.210]}, 0.05, settings, below, error=0.052).verdict == NOT_MET


def test_draws_that_chose_the_regime_are_marked_and_not_scored(settings):
    assert settings["tuned_on"] == [0]
    alone = judge({0: [0.3, 0.31, 0.32]}, 0.2, settings)
    assert (alone.verdict, alone.p_value) == (MET, None)
    assert "root seed 0 chose the regime" in alone.reason
    others = {1: [0.1], 2: [0.11], 3: [0.1]}
    assert judge({0: [0.9], **others}, 0.2, settings).value == pytest.approx(0.31 / 3)
    own = a_statement(claim=statement.OWN)
    assert judge({0: [0.30, 0.31, 0.29]}, 0.2, settings, own).verdict == HOLDS


def test_existence_is_a_proportion_of_draws(settings):
    exists = a_statement(exists=True)
    all_of_them = judge({i: [0.3 + i] for i in range(1, 9)}, 0.2, settings, exists)
    assert (all_of_them.share, all_of_them.verdict) == (1.0, HOLDS)
    assert all_of_them.share_low == pytest.approx(0.6306, abs=1e-4)
    assert all_of_them.p_value == pytest.approx(0.333**8)
    most = judge({i: [0.3 if i < 8 else 0.0] for i in range(1, 9)}, 0.2, settings, exists)
    assert (most.share, most.verdict) == (0.875, HOLDS)
    few = judge({i: [0.3 if i < 4 else 0.0] for i in range(1, 9)}, 0.2, settings, exists)
    assert few.verdict == UNDECIDED
    assert judge({i: [0.0] for i in range(1, 9)}, 0.2, settings, exists).verdict == FAILS


def test_a_draw_that_contradicts_or_cannot_be_tested_counts_as_one(settings):
    values = {i: [0.3] for i in range(1, 8)}
    for outcome in ("contradicted", "not testable"):
        found = judge({**values, 8: [outcome]}, 0.2, settings)
        assert (found.verdict, found.share) == (HOLDS, 0.875)
        assert (
            f"1 of 8 {'contradict it' if outcome == 'contradicted' else 'not testable'}: why"
            in found.reason
        )
    assert judge({1: ["not testable"], 2: ["not testable"]}, 0.2, settings).verdict == UNTESTABLE
    against = judge({i: ["contradicted"] for i in range(1, 9)}, 0.2, settings)
    assert (against.verdict, against.share) == (FAILS, 0.0)
    open_ = proportion(2, 3, 8, 1 / 3, 0.95)
    assert open_["share_low"] == proportion(2, 0, 8, 1 / 3, 0.95)["share_low"]
    assert open_["share_high"] == proportion(5, 0, 8, 1 / 3, 0.95)["share_high"]


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("seeds", [1, 2, 3, 8])
def test_seeds_of_one_draw_are_one_draw_judged_by_their_mean(seeds, exists, settings):
    of = a_statement(exists=exists)
    assert judge({1: [0.0] * seeds}, 0.2, settings, of).verdict == NOT_MET
    assert judge({1: [0.3] * seeds}, 0.2, settings, of).verdict == MET
    assert judge({1: ["contradicted"] * seeds}, 0.2, settings, of).verdict == NOT_MET
    # However far apart the seeds are, they do not represent other draws.
    assert judge({1: [0.3] * seeds + [0.25]}, 0.2, settings, of).verdict == MET
    assert judge({1: [0.9] * seeds + [0.21]}, 0.2, settings, of).verdict == MET
    most = judge({1: ["contradicted"] * seeds + ["not testable"]}, 0.2, settings, of)
    assert most.verdict == NOT_MET
    # Several draws may decide; two or three that do not show it decide nothing.
    several = judge(
        {i: [0.0, 0.1] * seeds for i in range(3)}, 0.2, settings, a_statement(exists=True)
    )
    assert several.verdict == UNDECIDED


def test_no_verdict_gets_worse_with_draws_that_agree(settings):
    for exists in (False, True):
        rank = [UNDECIDED, MET, HOLDS]
        found = [
            rank.index(
                judge(
                    {i: [0.3 + 0.01 * (i % 3)] for i in range(1, n + 1)},
                    0.2,
                    settings,
                    a_statement(exists=exists),
                ).verdict
            )
            for n in range(2, 12)
        ]
        assert found == sorted(found)


def test_a_statement_that_passes_in_its_null_is_not_discriminating_at_any_value(settings):
    found = judge({1: [0.9], 2: [0.95]}, 0.2, settings, null_value=0.25)
    assert found.verdict == NOT_DISCRIMINATING
    assert found.difference == pytest.approx(0.675)
    assert judge({1: [0.9], 2: [0.95]}, 0.2, settings, null_value=0.15).verdict == HOLDS


def test_holm_revokes_verdicts_that_do_not_survive_their_rank():
    rows = [
        {"kind": PAPER, "p_value": p, "verdict": HOLDS, "reason": ""} for p in (0.001, 0.02, 0.02)
    ]
    holm(rows, 0.95)
    assert [row["verdict"] for row in rows] == [HOLDS, HOLDS, HOLDS]
    rows = [
        {"kind": PAPER, "p_value": p, "verdict": HOLDS, "reason": ""} for p in (0.001, 0.03, 0.03)
    ]
    holm(rows, 0.95)
    assert [row["verdict"] for row in rows] == [HOLDS, UNDECIDED, UNDECIDED]


def test_both_variances_are_recovered():
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


def test_root_seeds_are_pooled_from_the_values_of_their_variants(settings):
    thresholds = ClaimSettings.of(settings)
    parts = [
        claims.measure(Evidence(worlds.tables(seeds=seeds), thresholds, root)).frame()
        for root, seeds in ((1, (0, 1)), (2, (2, 3)), (3, (4, 5)))
    ]
    together = Rows.of("claim_values", pd.concat(parts))
    found = pd.DataFrame(claims.score(together, thresholds).columns).set_index(["claim", "part"])
    assert (found["root_seeds"] == 3).all()
    assert found.loc[(2, "a"), "seeds"] == 6
    assert found.loc[(3, "a"), "seeds"] == 3  # one joint PCA for each
    assert found.loc[(3, "a"), "standard_error"] == 0
    assert found.loc[(8, "a"), "p_value"] < 0.05
    assert found.loc[(2, "a"), "deviation_seeds"] > 0


def test_variants_that_differ_in_their_root_seed_are_judged_together(settings):
    thresholds = ClaimSettings.of(settings)
    values = [
        claims.measure(Evidence(worlds.tables(seeds=(2 * root, 9)), thresholds, root)).frame()
        for root in (1, 2)
    ]
    _, page = judge_over_root_seeds(values, ClaimSettings.of(settings))
    (row,) = [line for line in page.text.splitlines() if line.startswith("| 2e |")]
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
    @statement.states("11a", at_most="turns_by", about=RIDGE_PHASE)
    def _turns(evidence, seed):
        """M = 16 turns early.

        Measured: share.
        """
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


def test_a_claim_holds_if_all_of_the_papers_statements_do(one_seed, settings):
    world = {name: frame.copy() for name, frame in one_seed.items()}
    put("llc", "healthy", False, task_diversity=worlds.INF, **END)(world, settings)
    put("pca_robustness", "trajectory_distance", 0.9, setting="linear")(world, settings)
    found = by_claim(scored(world, settings).to_dict("records"))
    assert found[2] == (MET, ())
    assert found[6] == (MET, ())  # 6b is not met, but is a further question
    assert found[8].verdict == "2 of 4 met"
    assert found[8].others == ("8b not testable", "8d not testable")
    assert found[10].verdict == NO_CLAIM
    rows = [
        {"claim": 2, "part": p, "kind": PAPER, "verdict": v}
        for p, v in zip("ab", (HOLDS, UNDECIDED), strict=True)
    ]
    assert by_claim(rows)[2] == ("1 of 2 hold", ("2b undecided",))
    assert by_claim(rows[:1])[2].verdict == HOLDS


def test_the_page_has_ten_claims_then_their_statements_then_further_questions(one_seed, settings):
    evidence = judged_by(one_seed, settings)
    page = scorecard(claims.score(claims.measure(evidence), evidence.settings))
    paper = sum(row.kind == PAPER for row in STATEMENTS)
    assert page.startswith(f"{paper} statements: ")
    first, second, third = (part.split("\n\n")[0].splitlines() for part in page.split("\n\n|")[1:])
    assert len(first) == len(["header", "rule"]) + 10
    assert len(second) == 2 + paper
    assert len(third) == 2 + len(PARTS) - paper
    assert {line.count("|") for line in second[1:]} == {9}
    assert (
        "| 10 | Why transience stops (open question) | - | the paper makes no claim: numbers only |"
        in first
    )
    (level,) = [line for line in second if line.startswith("| 8c |")]
    assert "from M = 32 on" in level
    (where,) = [line for line in second if line.startswith("| 1d |")]
    assert "near M = 181" in where
    evidence = judged_by(one_seed, settings | {"plateau_from": 64, "paper_threshold": 90})
    page = scorecard(claims.score(claims.measure(evidence, [1, 8]), evidence.settings, [1, 8]))
    assert "from M = 64 on" in page
    assert "near M = 90" in page


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
