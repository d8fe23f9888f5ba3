"""Statements of the preset `mixtures`: unigrams and bigrams, retrieved or inferred, over training."""

import math

import numpy as np
import pandas as pd

from ...analysis.datasets import IN_DISTRIBUTION
from ...analysis.gates import distinct, nearest_mixture
from ...analysis.phases import HALF
from ...analysis.views import RUN_KEY, averages, of_run
from ...scorecard.measurements import Evidence
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import ContradictedError, NotTestableError
from ...scorecard.statement import states_if_asked

#: The predictors of each strategy. dMMSE_M is bigram retrieval with another likelihood, so chance divides the weight
#: between the two.
STRATEGIES = {
    "unigram inference": ["unigram_inference"],
    "unigram retrieval": ["unigram_retrieval"],
    "bigram inference": ["ridge"],
    "bigram retrieval": ["bigram_retrieval", "dmmse"],
}
INFERRED, UNTRAINED, DIRECT = "inferred", "untrained", "direct"


# -- null worlds -------------------------------------------------------------------------------


def inferred(evidence: Evidence) -> Frames:
    """M makes no difference: every run has the weights of the M = infinity run, which retrieves nothing."""
    table = _on_own_chains(evidence)
    key = ["seed", "step", "predictor"]
    of_infinity = table[table["task_diversity"] == math.inf].set_index(key)["weight"]
    weight = of_infinity.reindex(pd.MultiIndex.from_frame(table[key]), fill_value=0.0)
    return {**evidence.frames, "strategies": table.assign(weight=weight.to_numpy())}


def untrained(evidence: Evidence) -> Frames:
    """Every run stays where its mixture is before training."""
    table = _on_own_chains(evidence).sort_values("step")
    first = table.groupby([*RUN_KEY, "predictor"])["weight"].transform("first")
    return {**evidence.frames, "strategies": table.assign(weight=first)}


def direct(evidence: Evidence) -> Frames:
    """Every run goes straight from its start to its last mixture, at a constant speed over checkpoints.

    With p the last mixture and s from 0 to 1, (1 - s) f + s p has the squared distance
    (1 - s) |f - p_i|^2 + s |p - p_i|^2 - s (1 - s) |f - p|^2 to p_i.
    """
    ideal = averages(evidence.table("idealised_distances"), IN_DISTRIBUTION)
    parts = []
    for (M, _), rows in _on_own_chains(evidence).groupby(RUN_KEY):
        wide = rows.pivot(index="step", columns="predictor").sort_index()
        apart = distinct(ideal[ideal["task_diversity"] == M])
        names = [str(name) for name in apart]
        first = wide["distance"][names].to_numpy(np.float64)[0]
        last = wide["weight"][names].to_numpy(np.float64)[-1]
        spread = last @ apart.to_numpy() @ last / 2
        to_last = apart.to_numpy() @ last - spread
        length = first @ last - spread
        weights = pd.DataFrame(
            [
                nearest_mixture(
                    (1 - s) * first + s * to_last - s * (1 - s) * length, apart.to_numpy()
                )[0]
                for s in np.linspace(0, 1, len(wide))
            ],
            index=wide.index,
            columns=names,
        ).stack()
        keys = pd.MultiIndex.from_frame(rows[["step", "predictor"]])
        parts.append(rows.assign(weight=weights.reindex(keys).to_numpy()))
    return {**evidence.frames, "strategies": pd.concat(parts, ignore_index=True)}


def _on_own_chains(evidence: Evidence) -> pd.DataFrame:
    table = evidence.table("strategies")
    return table[table["dataset"] == IN_DISTRIBUTION]


NULLS[INFERRED] = inferred
NULLS[UNTRAINED] = untrained
NULLS[DIRECT] = direct


# -- statements --------------------------------------------------------------------------------


def weights(evidence: Evidence, M: float, seed: int) -> pd.DataFrame:
    """Weight of every strategy (the columns) in the nearest mixture on q_M, index = step, ascending.

    A predictor that equals another at this M has no separate weight. Raises NotTestableError if there is no such run,
    or if a strategy is not among the predictors of the configuration.
    """
    table = _on_own_chains(evidence)
    known = {name for names in STRATEGIES.values() for name in names}
    lacking = sorted(known - set(table["predictor"]))
    if lacking:
        raise NotTestableError(f"not measured: evaluation.predictors lacks {', '.join(lacking)}")
    rows = of_run(table, M, seed)
    if rows.empty:
        raise NotTestableError(f"the grid has no run with M = {M:g}, seed = {seed}")
    wide = rows.pivot(index="step", columns="predictor", values="weight").sort_index()
    wide = wide.reindex(columns=sorted(known), fill_value=0.0)
    return pd.DataFrame({name: wide[names].sum(axis=1) for name, names in STRATEGIES.items()})


@states_if_asked("s", at_least="chains_retrieved", nulls=(INFERRED,))
def _few_chains_are_retrieved(evidence: Evidence, seed: int) -> float:
    """Few chains are retrieved by their bigrams.

    Measured: weight of bigram retrieval at the end of the least M.
    """
    M = evidence.diversities(seed)[0]
    evidence.require_resolved(M, seed)
    return float(weights(evidence, M, seed)["bigram retrieval"].iloc[-1])


@states_if_asked("t", at_least="bigrams_inferred", nulls=(UNTRAINED,))
def _new_chains_are_inferred(evidence: Evidence, seed: int) -> float:
    """Where no chain comes twice, bigrams are inferred.

    Measured: weight of bigram inference at the end of M = inf.
    """
    return float(weights(evidence, math.inf, seed)["bigram inference"].iloc[-1])


@states_if_asked("u", at_least="unigrams_first", nulls=(DIRECT,))
def _unigrams_come_first(evidence: Evidence, seed: int) -> float:
    """Unigrams come before bigrams.

    Measured: greatest weight of unigram inference at M = inf before bigram inference has half of the weight.
    """
    found = weights(evidence, math.inf, seed)
    leads = found["bigram inference"] >= HALF
    if not leads.any():
        raise ContradictedError("bigram inference never has half of the weight")
    return float(found["unigram inference"].loc[: leads.idxmax()].max())


@states_if_asked("v", at_least="phases", nulls=(DIRECT,))
def _some_pass_through_three(evidence: Evidence, seed: int) -> float:
    """Some M passes through three of the four strategies.

    Measured: number of strategies that have half of the weight at some checkpoint, the greatest over finite M.
    """
    return max(
        float((weights(evidence, M, seed) >= HALF).any().sum()) for M in evidence.diversities(seed)
    )
