"""Statements that presets ask for, in worlds that are true, false and untestable."""

import itertools

import numpy as np
import pandas as pd
import pytest

from tests.unit import worlds
from transient_ridge.config import presets
from transient_ridge.config.settings import ClaimSettings
from transient_ridge.scorecard import claims
from transient_ridge.scorecard.measurements import Evidence
from transient_ridge.scorecard.statement import OWN, RIDGE_PHASE
from transient_ridge.scorecard.verdicts import (
    FAILS,
    HOLDS,
    NOT_DISCRIMINATING,
    UNTESTABLE,
    excess_of,
)

#: Preset, with its variant unless that is `base` -> the statements that it asks for.
MADE_BY = {
    "recurrence": ["a", "b", "c"],
    "in-weight": ["d", "e", "f", "g"],
    "in-weight/unequal": ["z"],
    "sparse": ["h", "i", "j", "k"],
    "imbalanced": ["l", "m", "n", "o"],
    "heads": ["p", "q", "r"],
    "mixtures": ["s", "t", "u", "v"],
    "gradient-descent": ["w", "x", "y"],
}
OF = {part: preset for preset, parts in MADE_BY.items() for part in parts}
LAST, IN, OUT = worlds.STEPS[-1], "in_distribution", "out_of_distribution"
#: Predictor -> the share of training, in the logarithm of the step, after which it has all the weight.
PHASES = {"zero": 0, "unigram_inference": 0.2, "ridge": 0.5, "bigram_retrieval": 0.8}
#: Predictors that are the same for every M, and those that retrieve.
OF_M_INFINITY = ("ridge", "zero", "unigram_inference", "gd_plus_plus", "recall")
OF_FINITE_M = ("bigram_retrieval", "unigram_retrieval", "dmmse")
STRATEGIES = (*OF_M_INFINITY, *OF_FINITE_M)


def sparse(world):
    """Preprocess-then-descend and, at the end, the models of M = infinity have a lower loss than ridge."""
    ideal = world["idealised_losses"]
    better = ideal[ideal["predictor"] == "ridge"]
    better = better.assign(predictor="preprocess_descend", loss=0.9 * better["loss"])
    world["idealised_losses"] = pd.concat([ideal, better])
    last_of_infinity(world, 0.8 * worlds.RIDGE)


def last_of_infinity(world, loss):
    put(world, "smoothed_losses", "loss", loss, dataset=OUT, task_diversity=worlds.INF, step=LAST)


#: Refined LLC of each part at t_crit and at the end.
PARTS = {
    "layer0.head0": (2.0, 1.5),
    "layer0.head1": (2.5, 3.5),
    "layer0.mlp": (5.0, 9.0),
    "layer1.mlp": (4.0, 9.0),
}


def with_parts(tables):
    """The world with the LLCs of parts at t_crit and at the last checkpoint; at M = infinity they stay the same."""
    critical = tables["critical_steps"]
    critical = critical[critical["curve"] == "smoothed"]
    rows = [
        (run.task_diversity, run.seed, step, part, llc)
        for run in critical.itertuples()
        if run.task_diversity < worlds.INF
        for part, of_part in PARTS.items()
        for step, llc in zip((run.step, LAST), of_part, strict=True)
    ] + [
        (worlds.INF, seed, step, part, first)
        for seed in worlds.SEEDS
        for step in {*critical["step"], LAST}
        for part, (first, _) in PARTS.items()
    ]
    named = pd.DataFrame(rows, columns=["task_diversity", "seed", "step", "component", "llc"])
    parts = worlds.complete("llc", named.assign(healthy=True))
    return tables | {"llc": pd.concat([tables["llc"], parts], ignore_index=True)}


@pytest.fixture(scope="module")
def papers_world():
    world = with_parts(worlds.tables(gates=True))
    sparse(world)
    at_coefficient(world)
    predictors_far_apart(world)
    # On new tasks the mean task is better than dMMSE_M.
    put(world, "softened_dmmse", "loss_out", worlds.RIDGE + 0.1, inverse_temperature=0.0)
    return world | {"strategies": strategies(world["relative_distances"])}


def predictors_far_apart(world):
    """All predictors that presets name are at right angles, and much further from ridge than the models are."""
    rows = [
        {"task_diversity": M, "dataset": dataset, "predictor": one, "other": other, "distance": 1.0}
        for M in worlds.GRID
        for dataset in (IN, OUT)
        for one, other in itertools.combinations((*OF_M_INFINITY, *OF_FINITE_M), 2)
        if M < worlds.INF or other in OF_M_INFINITY
        if (one, other) != ("ridge", "dmmse")
    ]
    pairs = worlds.complete("idealised_distances", pd.DataFrame(rows))
    put(world, "idealised_distances", "distance", 1.0, dataset=OUT, task_diversity=worlds.GRID[-2])
    world["idealised_distances"] = pd.concat([world["idealised_distances"], pairs])


def strategies(relative) -> pd.DataFrame:
    """All phases for finite M, and all but the last at M = infinity, where the last equals the one before."""
    rows = []
    for M, seed, step in relative[list(worlds.RUN)].itertuples(index=False):
        passed = np.log1p(step) / np.log1p(LAST)
        led = [name for name, since in PHASES.items() if passed >= since]
        leads = led[-1] if M < worlds.INF else led[:3][-1]
        key = {"task_diversity": M, "seed": seed, "step": step, "distance": 0.1, "residual": 0.0}
        for dataset in (IN, OUT):
            rows += [
                {**key, "dataset": dataset, "predictor": name, "weight": float(name == leads)}
                for name in STRATEGIES
                if M < worlds.INF or name in OF_M_INFINITY
            ]
    table = worlds.complete("strategies", pd.DataFrame(rows))
    late = (table["predictor"] == "gd_plus_plus") & (table["step"] == LAST)
    table.loc[late, "distance"] = 0.001
    return table


def at_coefficient(world, factor=1.0):
    derived = presets.load("gradient-descent")["claims"]["own"]["learning_coefficient"]
    put(
        world, "llc", "llc", factor * derived, task_diversity=worlds.INF, step=LAST, component="all",
    )  # fmt: skip


def not_at_steps(world):
    put(world, "strategies", "distance", 0.1, predictor="gd_plus_plus", step=LAST)


def without_steps(world):
    table = world["strategies"]
    world["strategies"] = table[table["predictor"] != "gd_plus_plus"]


def unhealthy_infinity(world):
    put(world, "llc", "healthy", False, task_diversity=worlds.INF)


@pytest.fixture
def world(papers_world):
    return {name: frame.copy() for name, frame in papers_world.items()}


def scored(world, preset) -> pd.DataFrame:
    settings = presets.load(*preset.split("/"))["claims"]
    evidence = Evidence(world, ClaimSettings.of(settings))
    found = claims.score(claims.measure(evidence, [OWN]), evidence.settings, [OWN]).frame()
    return found.set_index("part")


def put(world, table, column, value, **where):
    rows = np.logical_and.reduce([world[table][name] == wanted for name, wanted in where.items()])
    assert rows.any()
    world[table].loc[rows, column] = value


def test_the_two_likelihoods_of_bigram_retrieval_share_its_weight(world):
    weight(world, 1, "dmmse", "bigram_retrieval")
    found = scored(world, "mixtures").loc["s"]
    assert found["value"] == pytest.approx(1)


def test_unigrams_that_never_give_way_contradict_the_statement(world):
    weight(world, worlds.INF, "unigram_inference")
    found = scored(world, "mixtures").loc["u"]
    assert found["verdict"] == FAILS
    assert "never has half of the weight" in found["reason"]


def test_statements_are_made_on_request_and_hold_in_the_papers_world(world):
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
    for name in ("relative_distances", "smoothed_losses"):
        world[name] = world[name].query("task_diversity < inf")


def no_losses_of_infinity(world):
    """No run of M = infinity has losses."""
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


def tasks_upside_down(world):
    world["task_gates"]["share"] = 1 - world["task_gates"]["share"]


def without_task_gates(world):
    world["task_gates"] = worlds.empty("task_gates")


def features_upside_down(world):
    world["feature_losses"]["share"] = 1 - world["feature_losses"]["share"]


def features_learnt_together(world):
    rows = world["feature_losses"]
    first = rows[rows["feature"] == 1].set_index(["task_diversity", "seed", "step"])["loss"]
    keys = pd.MultiIndex.from_frame(rows[["task_diversity", "seed", "step"]])
    rows["loss"] = first[keys].to_numpy()


def features_without_a_rise(world):
    rows = world["feature_losses"]
    rows["loss"] = rows["loss"].clip(upper=1.2)


def without_features(world):
    world["feature_losses"] = worlds.empty("feature_losses")


def features_not_learnt(world):
    world["feature_losses"]["loss"] = 1.2


def of_parts(kind, factor):
    """Multiply the last LLC of all parts of a kind by ``factor``."""

    def bend(world):
        llc = world["llc"]
        rows = llc["component"].str.contains(kind) & (llc["step"] == LAST)
        llc.loc[rows, "llc"] = factor * llc.loc[rows, "llc"]

    return bend


def without_parts(world):
    world["llc"] = world["llc"][world["llc"]["component"] == "all"]


def parts_far_from_turn(world):
    llc = world["llc"]
    world["llc"] = llc[(llc["component"] == "all") | (llc["step"] == LAST)]


def unhealthy_heads(world):
    world["llc"].loc[world["llc"]["component"] == "layer0.head1", "healthy"] = False


def heads_alike(world):
    llc = world["llc"]
    llc.loc[llc["component"].str.contains("head") & (llc["step"] == LAST), "llc"] = 3.0


def weight(world, M, *names):
    """At every step these predictors share the weight of the runs of M."""
    rows = world["strategies"]["task_diversity"] == M
    of = rows & world["strategies"]["predictor"].isin(names)
    world["strategies"].loc[rows, "weight"] = 0.0
    world["strategies"].loc[of, "weight"] = 1 / len(names)


def never_three(world):
    for M in worlds.GRID[:-1]:
        weight(world, M, "ridge", "bigram_retrieval")


def without_unigrams(world):
    table = world["strategies"]
    world["strategies"] = table[~table["predictor"].str.startswith("unigram")]


def without_strategies(world):
    world.pop("strategies")


def no_strategies_of_infinity(world):
    table = world["strategies"]
    world["strategies"] = table[table["task_diversity"] < worlds.INF]


#: part -> (a world in which it is false, one in which it cannot be tested, text in the reason)
BENT = {
    "a": (gate_at_end(1, 0.4), without_gates, "the table gates is missing"),
    "b": (no_gain_by_new, no_gap, "is not above ridge"),
    "c": (
        lambda world: put(world, "relative_distances", "ridge", 0.5, task_diversity=worlds.INF, step=LAST),
        no_infinity,
        "no run with M = inf",
    ),
    "d": (gate_at_end(1, 0.4), without_gates, "the table gates is missing"),
    "e": (upside_down, all_open, "ends with an open gate"),
    "f": (all_open, no_gap, "is not above ridge"),
    "g": (
        lambda world: put(world, "gates", "residual", 1.0, task_diversity=1, step=LAST),
        without_gates,
        "the table gates is missing",
    ),
    "h": (lambda world: last_of_infinity(world, worlds.RIDGE), no_losses_of_infinity, "no run with M = inf"),
    "i": (lambda world: last_of_infinity(world, 0.95 * worlds.RIDGE), no_gain_of_the_algorithm, "gains nothing"),
    "j": (heads(1.0, layer=1), without_heads, "the table head_ablation is missing"),
    "k": (heads(1.0, layer=1), one_layer, "model.layers and model.heads must be at least 2"),
    "l": (features_upside_down, without_features, "the table feature_losses is empty"),
    "m": (features_learnt_together, features_not_learnt, "does not fall: train longer"),
    "n": (
        lambda world: put(world, "relative_distances", "ridge", 0.5, task_diversity=worlds.INF, step=LAST),
        no_infinity,
        "no run with M = inf",
    ),
    "o": (features_without_a_rise, without_features, "the table feature_losses is empty"),
    "p": (of_parts("mlp", 0.4), without_parts, "the LLC of no mlp was measured"),
    "q": (of_parts("head", 3.0), parts_far_from_turn, "no LLC near t_crit"),
    "r": (heads_alike, unhealthy_heads, "no healthy LLC of M = 1, seed = 0: layer0.head1 at"),
    "s": (
        lambda world: weight(world, 1, "ridge", "unigram_retrieval"),
        without_unigrams, "evaluation.predictors lacks unigram_inference, unigram_retrieval",
    ),
    "t": (
        lambda world: weight(world, worlds.INF, "ridge", "unigram_inference"),
        no_strategies_of_infinity, "no run with M = inf",
    ),
    "u": (lambda world: weight(world, worlds.INF, "ridge"), without_strategies, "the table strategies is missing"),
    "v": (never_three, without_unigrams, "evaluation.predictors lacks"),
    "w": (not_at_steps, without_steps, "evaluation.predictors lacks gd_plus_plus"),
    "x": (not_at_steps, no_strategies_of_infinity, "no run with M = inf"),
    "y": (lambda world: at_coefficient(world, 1.2), unhealthy_infinity, "no healthy LLC of M = inf"),
    "z": (tasks_upside_down, without_task_gates, "the table task_gates is empty"),
}  # fmt: skip


@pytest.mark.parametrize("part", BENT)
def test_a_false_statement_does_not_hold(part, world):
    BENT[part][0](world)
    assert scored(world, OF[part]).loc[part, "verdict"] == FAILS


@pytest.mark.parametrize("part", BENT)
def test_a_statement_that_the_tables_cannot_decide_gives_the_reason(part, world):
    _, bend, reason = BENT[part]
    bend(world)
    found = scored(world, OF[part]).loc[part]
    assert found["verdict"] == UNTESTABLE
    assert reason in found["reason"]


@pytest.mark.parametrize("preset", MADE_BY)
def test_no_statement_passes_in_its_null(preset, world):
    settings = ClaimSettings.of(presets.load(*preset.split("/"))["claims"])
    evidence = Evidence(world, settings)
    found = claims.measure(evidence, [OWN]).frame()
    for statement in claims.made(settings, [OWN]):
        rows = found[found["part"] == statement.part]
        assert statement.nulls
        assert rows["null"].isin(statement.nulls).all(), rows["reason"].tolist()
        threshold = claims.threshold_of(statement, settings)
        excess = (
            rows["null_value"]
            .dropna()
            .map(lambda x, s=statement, t=threshold: excess_of(s.comparison, x, t))
        )
        assert (excess < 0).all(), statement.name


def test_statements_that_hold_in_their_nulls_too_are_not_discriminating(world):
    """In the nulls, too, the mean task is as bad on new tasks, a memory is near ridge, and the gate is open."""
    put(world, "softened_dmmse", "loss_out", 9.0, inverse_temperature=0.0)
    put(world, "idealised_distances", "distance", 0.01, dataset=OUT, task_diversity=worlds.GRID[-2])
    put(world, "softened_dmmse", "ridge", 9.0, inverse_temperature=0.0)
    found = scored(world, "recurrence")
    assert set(found["verdict"]) == {NOT_DISCRIMINATING}


def test_what_training_does_anyway_is_not_evidence_of_what_replaces_ridge(world):
    """The LLC of the MLPs of M = infinity grows too."""
    llc = world["llc"]
    grown = (llc["task_diversity"] == worlds.INF) & llc["component"].str.contains("mlp")
    llc.loc[grown & (llc["step"] == LAST), "llc"] *= 2
    assert scored(world, "heads").loc["p", "verdict"] == NOT_DISCRIMINATING


def test_three_tasks_are_too_few_to_rank(world):
    world["task_gates"] = world["task_gates"].query("task < 4")
    found = scored(world, "in-weight/unequal").loc["z"]
    assert found["verdict"] == UNTESTABLE
    assert "only 3 tasks" in found["reason"]


def test_a_task_goes_in_weight_once_its_gate_opens_for_good(world):
    """The gate of the most frequent task opens first and closes again near the end, so it ranks third of four."""
    put(world, "task_gates", "gate", 0.4, task=1, step=worlds.STEPS[-2])
    assert scored(world, "in-weight/unequal").loc["z", "value"] == pytest.approx(-0.4)


@pytest.mark.parametrize("preset", MADE_BY)
def test_nothing_holds_where_nothing_happens(preset):
    untrained = scored(worlds.without_training(gates=True), preset)
    assert untrained["reason"].str.contains("train longer").all()
    straight = scored(with_parts(worlds.without_a_ridge_phase(gates=True)), preset)
    about = straight[straight["about"] == RIDGE_PHASE]
    assert not (about["verdict"] == HOLDS).any(), about[["value", "reason"]]
