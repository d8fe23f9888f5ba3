"""Statements that presets ask for, in worlds that are true, false and untestable."""

import numpy as np
import pandas as pd
import pytest

from tests.unit import worlds
from transient_ridge.config import presets
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.scorecard import claims
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.statement import OWN, RIDGE_PHASE
from transient_ridge.scorecard.verdicts import FAILS, HOLDS, UNTESTABLE

MADE_BY = {
    "recurrence": ["a", "b", "c"],
    "in-weight": ["d", "e", "f", "g"],
    "sparse": ["h", "i", "j", "k"],
}
OF = {part: preset for preset, parts in MADE_BY.items() for part in parts}
LAST, IN, OUT = worlds.STEPS[-1], "in_distribution", "out_of_distribution"


def sparse(world):
    """Preprocess-then-descend loses less than ridge, and so do the models without end of tasks, in the end."""
    ideal = world["idealised_losses"]
    better = ideal[ideal["predictor"] == "ridge"]
    better = better.assign(predictor="preprocess_descend", loss=0.9 * better["loss"])
    world["idealised_losses"] = pd.concat([ideal, better])
    last_of_infinity(world, 0.8 * worlds.RIDGE)


def last_of_infinity(world, loss):
    put(world, "smoothed_losses", "loss", loss, dataset=OUT, task_diversity=worlds.INF, step=LAST)


@pytest.fixture(scope="module")
def papers_world():
    world = worlds.tables()
    sparse(world)
    return world


@pytest.fixture
def world(papers_world):
    return {name: frame.copy() for name, frame in papers_world.items()}


def scored(world, preset) -> pd.DataFrame:
    evidence = Evidence(world, ClaimSettings.of(presets.load(preset)["claims"]))
    found = claims.score(claims.measure(evidence, [OWN]), evidence.settings, [OWN]).frame()
    return found.set_index("part")


def put(world, table, column, value, **where):
    rows = np.logical_and.reduce([world[table][name] == wanted for name, wanted in where.items()])
    assert rows.any()
    world[table].loc[rows, column] = value


def test_they_are_made_where_they_are_asked_for_and_hold_in_the_papers_world(world):
    for preset, parts in MADE_BY.items():
        found = scored(world, preset)
        assert list(found.index) == parts
        assert set(found["verdict"]) == {HOLDS}, found["reason"]
    assert scored(world, "laptop").empty


def gate_at_end(M, value):
    return lambda world: put(world, "gates", "gate", value, task_diversity=M, step=LAST)


def upside_down(world):
    world["gates"]["gate"] = 1 - world["gates"]["gate"]


def all_open(world):
    world["gates"]["gate"] = 0.9


def no_infinity(world):
    relative = world["relative_distances"]
    world["relative_distances"] = relative[relative["task_diversity"] < worlds.INF]


def no_losses_of_infinity(world):
    """Other than those by which it is seen that there was training."""
    world["smoothed_losses"] = world["smoothed_losses"].query("task_diversity < inf")


def without_gates(world):
    world.pop("gates")


def no_gap(world):
    put(world, "idealised_losses", "loss", 1.0, dataset=OUT, predictor="dmmse")


def no_gain_by_new(world):
    put(world, "smoothed_losses", "loss", worlds.RIDGE, dataset=OUT, task_diversity=1, step=LAST)


def heads(increase, **where):
    return lambda world: put(world, "head_ablation", "increase", increase, **where)


def without_heads(world):
    world.pop("head_ablation")


def one_layer(world):
    world["head_ablation"] = world["head_ablation"].query("layer == 0")


def no_gain_of_the_algorithm(world):
    put(world, "idealised_losses", "loss", 2.0, predictor="preprocess_descend")


#: part -> (a world in which it is false, one in which it cannot be tested, what the reason says)
BENT = {
    "a": (gate_at_end(1, 0.4), without_gates, "the table gates is missing"),
    "b": (no_gain_by_new, no_gap, "no greater OOD loss"),
    "c": (
        lambda world: put(world, "relative_distances", "ridge", 0.5, task_diversity=worlds.INF, step=LAST),
        no_infinity,
        "no run with M = inf",
    ),
    "d": (gate_at_end(1, 0.4), without_gates, "the table gates is missing"),
    "e": (upside_down, all_open, "ends with an open gate"),
    "f": (all_open, no_gap, "no greater OOD loss"),
    "g": (
        lambda world: put(world, "gates", "residual", 1.0, task_diversity=1, step=LAST),
        without_gates,
        "the table gates is missing",
    ),
    "h": (lambda world: last_of_infinity(world, worlds.RIDGE), no_losses_of_infinity, "no run with M = inf"),
    "i": (lambda world: last_of_infinity(world, 0.95 * worlds.RIDGE), no_gain_of_the_algorithm, "gains nothing"),
    "j": (heads(1.0, layer=1), without_heads, "the table head_ablation is missing"),
    "k": (heads(1.0, layer=1), one_layer, "model.layers and model.heads must be at least 2"),
}  # fmt: skip


@pytest.mark.parametrize("part", BENT)
def test_a_false_statement_does_not_hold(part, world):
    BENT[part][0](world)
    assert scored(world, OF[part]).loc[part, "verdict"] == FAILS


@pytest.mark.parametrize("part", BENT)
def test_a_statement_that_the_tables_cannot_decide_says_why(part, world):
    _, bend, reason = BENT[part]
    bend(world)
    found = scored(world, OF[part]).loc[part]
    assert found["verdict"] == UNTESTABLE
    assert reason in found["reason"]


@pytest.mark.parametrize("preset", MADE_BY)
def test_nothing_holds_where_nothing_happens(preset):
    untrained = scored(worlds.without_training(), preset)
    assert untrained["reason"].str.contains("train longer").all()
    straight = scored(worlds.without_a_ridge_phase(), preset)
    about = straight[straight["about"] == RIDGE_PHASE]
    assert not (about["verdict"] == HOLDS).any(), about[["value", "reason"]]
