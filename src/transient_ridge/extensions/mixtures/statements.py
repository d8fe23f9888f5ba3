"""Statements of the preset `mixtures`: unigrams and bigrams, retrieved or inferred, over training."""

import math

import pandas as pd

from ...analysis.datasets import IN_DISTRIBUTION
from ...analysis.phases import HALF
from ...scorecard.measurements import Evidence
from ...scorecard.outcomes import ContradictedError, NotTestableError
from ...scorecard.statement import states_if_asked

#: The predictors of each strategy. dMMSE_M is bigram retrieval by another likelihood: they share its weight by chance.
STRATEGIES = {
    "unigram inference": ["unigram_inference"],
    "unigram retrieval": ["unigram_retrieval"],
    "bigram inference": ["ridge"],
    "bigram retrieval": ["bigram_retrieval", "dmmse"],
}


def weights(evidence: Evidence, M: float, seed: int) -> pd.DataFrame:
    """Weight of every strategy (the columns) in the nearest mixture on q_M, index = step, ascending.

    A predictor that equals another at this M has no weight of its own. Raises NotTestableError if there is no such run,
    or if a strategy is not among the predictors of the configuration.
    """
    table = evidence.table("strategies")
    known = {name for names in STRATEGIES.values() for name in names}
    lacking = sorted(known - set(table["predictor"]))
    if lacking:
        raise NotTestableError(f"not measured: evaluation.predictors lacks {', '.join(lacking)}")
    of_run = (table["task_diversity"] == M) & (table["seed"] == seed)
    rows = table[of_run & (table["dataset"] == IN_DISTRIBUTION)]
    if rows.empty:
        raise NotTestableError(f"the grid has no run with M = {M:g}, seed = {seed}")
    wide = rows.pivot(index="step", columns="predictor", values="weight").sort_index()
    wide = wide.reindex(columns=sorted(known), fill_value=0.0)
    return pd.DataFrame({name: wide[names].sum(axis=1) for name, names in STRATEGIES.items()})


@states_if_asked(
    "s",
    "Few chains are retrieved by their bigrams",
    "weight of bigram retrieval at the end of the least M",
    at_least="chains_retrieved",
)
def _few_chains_are_retrieved(evidence: Evidence, seed: int) -> float:
    M = evidence.diversities(seed)[0]
    evidence.require_resolved(M, seed)
    return float(weights(evidence, M, seed)["bigram retrieval"].iloc[-1])


@states_if_asked(
    "t",
    "Where no chain comes twice, bigrams are inferred",
    "weight of bigram inference at the end of M = inf",
    at_least="bigrams_inferred",
)
def _new_chains_are_inferred(evidence: Evidence, seed: int) -> float:
    return float(weights(evidence, math.inf, seed)["bigram inference"].iloc[-1])


@states_if_asked(
    "u",
    "Unigrams come before bigrams",
    "greatest weight of unigram inference at M = inf before bigram inference has half of the weight",
    at_least="unigrams_first",
)
def _unigrams_come_first(evidence: Evidence, seed: int) -> float:
    found = weights(evidence, math.inf, seed)
    leads = found["bigram inference"] >= HALF
    if not leads.any():
        raise ContradictedError("bigram inference never has half of the weight")
    return float(found["unigram inference"].loc[: leads.idxmax()].max())


@states_if_asked(
    "v",
    "Some M passes through three of the four strategies",
    "number of strategies that have half of the weight at some checkpoint, the greatest over finite M",
    at_least="phases",
)
def _some_pass_through_three(evidence: Evidence, seed: int) -> float:
    return max(
        float((weights(evidence, M, seed) >= HALF).any().sum()) for M in evidence.diversities(seed)
    )
