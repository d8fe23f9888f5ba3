"""Tasks that change during training: the tasks at each update, and the statements about them."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
import torch

from tests.unit import worlds
from tests.unit.test_config import test_faults_name_key_value_and_what_is_allowed as refused
from tests.unit.test_layout import layout
from tests.unit.test_training import killed_and_resumed, run_whole, weights_of
from transient_ridge.artefacts.fingerprints import closure
from transient_ridge.config import presets
from transient_ridge.config.asked import keys_of
from transient_ridge.config.configuration import pick, resolve
from transient_ridge.config.runs import Run
from transient_ridge.config.section import choices
from transient_ridge.config.settings import ClaimSettings, Configuration, DataSettings
from transient_ridge.extensions.temporal.counterpart import counterpart
from transient_ridge.extensions.temporal.unchanged import compute_unchanged
from transient_ridge.regression.sequences import SequenceSource, task_set
from transient_ridge.scorecard import claims
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.statement import OWN
from transient_ridge.scorecard.verdicts import (
    FAILS,
    HOLDS,
    NOT_MET,
    UNTESTABLE,
)

D = 3
WALK = {"name": "moving", "every": 5, "correlation": 0.8, "until": 41}
ANEW = WALK | {"correlation": 0}
SWITCH = {"name": "switching", "start": 10, "stop": 20}


def data(tasks) -> DataSettings:
    return DataSettings(
        dimension=D, context_length=6, noise_variance=1e-6, tasks=tasks, inputs="gaussian"
    )


def tasks_in(tasks, step, M=4):
    """The task (B, D) of every sequence in an update's batch; the noise is small enough to read tasks off."""
    batch = SequenceSource(0, data(tasks), M).training_batch(0, step, 200)
    return torch.linalg.lstsq(batch.x, batch.y[..., None]).solution[..., 0]


def same(one, other):
    """Whether both hold the same tasks, ignoring repeats."""
    apart = torch.cdist(one, other)
    return bool((apart.amin(0) < 0.05).all() and (apart.amin(1) < 0.05).all())


# -- tasks over training -------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [WALK, ANEW, SWITCH], ids=["walk", "anew", "switch"])
def test_a_batch_is_a_function_of_seeds_and_step_in_any_order(tasks):
    source = SequenceSource(0, data(tasks), 4)
    forwards = {step: source.training_batch(3, step, 16) for step in (0, 12, 30, 60)}
    for step in (60, 0, 30, 12):
        again = SequenceSource(0, data(tasks), 4).training_batch(3, step, 16)
        assert torch.equal(again.x, forwards[step].x)
        assert torch.equal(again.y, forwards[step].y)


def test_tasks_move_on_schedule_and_end_at_the_usual_task_set():
    stay = task_set(0, data("gaussian"), 4)
    assert same(tasks_in(WALK, 0), tasks_in(WALK, 4))
    for before, after in ((4, 5), (9, 10), (39, 40)):
        assert not same(tasks_in(WALK, before), tasks_in(WALK, after))
    assert not same(tasks_in(WALK, 39), stay)
    for step in (40, 41, 1000):
        assert same(tasks_in(WALK, step), stay)


@pytest.mark.parametrize(("tasks", "correlation"), [(WALK, 0.8), (ANEW, 0.0)])
def test_a_move_keeps_the_law_of_tasks_and_has_the_stated_correlation(tasks, correlation):
    M = 20_000
    source = SequenceSource(0, data(tasks), M)
    path = [source._tasks_at(step) for step in (0, 5, 10, 40)]
    assert np.array_equal(path[-1], task_set(0, data("gaussian"), M).numpy())
    for at in path:
        np.testing.assert_allclose(at.mean(axis=0), 0, atol=0.03)
        np.testing.assert_allclose(np.cov(at.T), np.eye(D), atol=0.03)
    for one, other in itertools.pairwise(path[:3]):
        assert np.mean(one * other) == pytest.approx(correlation, abs=0.02)
    assert np.mean(path[0] * path[-1]) == pytest.approx(correlation**8, abs=0.02)


def test_the_path_of_a_task_depends_on_the_root_seed_and_not_on_how_many_there_are():
    few, many, other = (
        SequenceSource(root_seed, data(WALK), M)._tasks_at(7)
        for root_seed, M in ((0, 3), (0, 8), (1, 3))
    )
    assert np.array_equal(few, many[:3])
    assert not np.array_equal(few, other)


def test_a_switch_draws_new_tasks_and_comes_back():
    for step in (0, 9, 20, 50):
        assert same(tasks_in(SWITCH, step), task_set(0, data("gaussian"), 4))
    for step in (10, 19):
        assert len(torch.unique(tasks_in(SWITCH, step).round(decimals=3), dim=0)) == 200


def test_new_tasks_are_those_of_infinite_m():
    source, infinite = (
        SequenceSource(0, data(SWITCH), 4),
        SequenceSource(0, data("gaussian"), math.inf),
    )
    switched, new = source.training_batch(0, 15, 8), infinite.training_batch(0, 15, 8)
    assert torch.equal(switched.y, new.y)


@pytest.mark.parametrize("tasks", [WALK, SWITCH])
@pytest.mark.parametrize("M", [1, 4, math.inf])
def test_runs_are_measured_on_the_usual_task_set(tasks, M):
    measured, others = (
        SequenceSource(0, data(each), M).draw(8, "evaluation", "x") for each in (tasks, "gaussian")
    )
    assert torch.equal(measured.y, others.y)


# -- training ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("killed_at", [12, 42])
@pytest.mark.parametrize("tasks", [WALK, SWITCH], ids=["walk", "switch"])
def test_a_killed_run_ends_with_the_same_bits(tiny, tmp_path, monkeypatch, tasks, killed_at):
    tiny["data"]["tasks"] = tasks
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    resumed = killed_and_resumed(tiny, tmp_path / "killed", monkeypatch, killed_at)
    assert weights_of(resumed) == weights_of(undisturbed)
    others = run_whole(tiny | {"data": tiny["data"] | {"tasks": "gaussian"}}, tmp_path / "others")
    assert weights_of(others) != weights_of(undisturbed)


def test_changing_tasks_makes_only_the_variants_that_use_them_stale():
    def trained_by(stop):
        tasks = SWITCH | {"stop": stop}
        finite = {"grid": {"task_diversities": [2]}, "data": {"tasks": tasks}}
        config = layout(variants={"base": {}, "late": finite}).config
        keys = keys_of("training.train")
        return {variant: pick(resolve(config, variant), keys) for variant in ("base", "late")}

    before, after = trained_by(20), trained_by(30)
    assert before["base"] == after["base"]
    assert before["late"] != after["late"]

    def families(settings):
        found = choices(settings, Configuration)
        return {registry.module(choice) for key, registry, choice in found if key == "data.tasks"}

    assert families(before["base"]) == {"regression.families.gaussian"}
    assert families(before["late"]) == {"extensions.temporal.families.switching"}
    code = closure(["training.train", *families(before["base"])])
    assert not any(module.startswith("extensions") for module in code)


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        (WALK | {"every": 0}, r"data\.tasks\.every = 0: must be an integer >= 1"),
        (WALK | {"every": -3}, r"data\.tasks\.every = -3: must be an integer >= 1"),
        (WALK | {"correlation": 1}, r"data\.tasks\.correlation = 1: must be a number in \[0, 1\)"),
        (WALK | {"until": 9000}, r"until = 9000 must be at most training\.steps = 2500"),
        (WALK | {"every": 41}, r"every = 41 must be less than until = 41"),
        (WALK, r"'moving'.*M = inf has no tasks that could move; take inf out of grid\.task_diversities"),
        (SWITCH | {"stop": 0}, r"data\.tasks\.stop = 0: must be an integer >= 1"),
        (SWITCH | {"start": 20}, r"start = 20 must be less than stop = 20"),
        (SWITCH | {"stop": 2501}, r"stop = 2501 must be at most training\.steps = 2500"),
        (SWITCH, r"'switching'.*M = inf has new tasks anyway; take inf out of grid\.task_diversities"),
        ("moving", r"data\.tasks\.every: missing"),
    ],
)  # fmt: skip
def test_impossible_changes_are_refused_by_key_and_value(tasks, message):
    refused("data.tasks", tasks, message)


def test_tasks_may_change_until_the_last_update():
    grid = {"task_diversities": [8]}
    presets.load("laptop", grid=grid, data={"tasks": WALK | {"until": 2500}})
    presets.load("laptop", grid=grid, data={"tasks": SWITCH | {"stop": 2500}})


# -- the run whose tasks stay ------------------------------------------------------------------------


def test_a_variant_is_compared_with_the_same_one_whose_tasks_stay():
    tasks = {"tasks": WALK}
    finite = {"grid": {"task_diversities": [2]}, "training": {"steps": 50}}
    variants = {
        "base": {"data": {"noise_variance": 1}},
        "moved": finite | {"data": tasks},
        "shorter": finite | {"training": {"steps": 45}},
        "other-seed": finite | {"data": tasks, "seed": 1},
        "wider": finite | {"data": tasks, "model": {"d_model": 64}},
    }
    config = layout(variants=variants).config
    assert counterpart(config, "moved") == "shorter"
    assert counterpart(config, "other-seed") is None
    assert counterpart(config, "wider") is None


def test_the_table_has_the_runs_whose_tasks_change():
    def runs(tasks):
        changes = {
            "grid": {"task_diversities": [2, 8]},
            "training": {"steps": 50},
            "data": {"tasks": tasks},
        }
        return [path.split("/")[4] for path in layout(**changes).files("unchanged", "base")]

    assert runs(WALK) == runs(SWITCH) == ["M2-seed0", "M8-seed0"]
    assert runs("gaussian") == []


def test_the_same_run_is_taken_from_the_other_variant():
    relative = worlds.tables()["relative_distances"]
    found = compute_unchanged(relative, Run(8, 1)).frame()
    own = relative[(relative["task_diversity"] == 8) & (relative["seed"] == 1)]
    assert found["alpha"].tolist() == own["alpha"].tolist()
    assert compute_unchanged(relative, Run(7, 1)).frame().empty


# -- statements ----------------------------------------------------------------------------------------

#: Statement -> the variant that asks for it.
ASKED = {"A": "walk", "B": "walk", "C": "late", "D": "late"}


GRID = (4, 8, 16, worlds.INF)
STEPS = np.array(worlds.STEPS)
#: Updates of the fresh run, and the one at which the tasks of the other come.
FRESH = worlds.STEPS[-2]
COME = worlds.STEPS[-1] - FRESH


def rising(since, over):
    """alpha rises from 0 to 1 over ``over`` updates from ``since`` on, for every M."""
    return lambda M: np.clip((STEPS - since) / over, 0, 1)


AT_RIDGE, MEMORISED = rising(math.inf, 1.0), rising(0, FRESH / 4)


def world(over, stay=MEMORISED, fresh=FRESH):
    """Runs whose alpha follows ``over`` and, for ``fresh`` updates where their tasks stay, ``stay``."""
    other = worlds.tables(GRID, over=stay)["relative_distances"]
    other = other[(other["step"] <= fresh) & np.isfinite(other["task_diversity"])]
    return worlds.tables(GRID, over=over) | {"unchanged": worlds.complete("unchanged", other)}


#: Statement -> runs for which it is true, and runs for which it is false.
TRUE_AND_FALSE = {
    "A": (AT_RIDGE, MEMORISED),
    "B": (AT_RIDGE, MEMORISED),
    "C": (rising(COME, FRESH / 8), AT_RIDGE),
    "D": (rising(COME, FRESH / 8), rising(COME, FRESH)),
}


def scored(tables, part) -> pd.Series:
    settings = ClaimSettings.of(presets.load("temporal", ASKED[part])["claims"])
    rows = claims.measure(Evidence(tables, settings), [OWN])
    return claims.score(rows, settings, [OWN]).frame().set_index("part").loc[part]


@pytest.mark.parametrize("part", ASKED)
def test_a_statement_holds_where_it_is_true_and_its_null_does_not(part):
    found = scored(world(TRUE_AND_FALSE[part][0]), part)
    assert found["verdict"] == HOLDS, found["reason"]
    assert found["null_outcome"] is not None


@pytest.mark.parametrize("part", ASKED)
def test_a_false_statement_does_not_hold(part):
    assert scored(world(TRUE_AND_FALSE[part][1]), part)["verdict"] in (FAILS, NOT_MET)


@pytest.mark.parametrize("part", ASKED)
def test_without_training_and_without_a_run_to_compare_with_nothing_is_testable(part):
    untrained = scored(world(AT_RIDGE, AT_RIDGE), part)
    assert untrained["verdict"] == UNTESTABLE
    assert "train longer" in untrained["reason"]
    alone = scored(world(AT_RIDGE) | {"unchanged": worlds.empty("unchanged")}, part)
    assert "the table unchanged is empty" in alone["reason"]


def test_a_run_that_is_not_at_ridge_when_its_tasks_come_is_not_testable():
    found = scored(world(MEMORISED), "C")
    assert found["verdict"] == UNTESTABLE
    assert "when its tasks come" in found["reason"]
