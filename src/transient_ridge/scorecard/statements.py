"""The paper's claims as statements that can be measured on the runs of one seed.

Which number belongs to which statement is here; what the numbers mean is in :mod:`transient_ridge.evidence`, and what
follows from them in :mod:`transient_ridge.claims`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..analysis.datasets import IN_DISTRIBUTION as IN
from ..analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ..analysis.datasets import ROOT
from .measurements import Evidence, NotTestableError, rank_correlation

AT_LEAST: Literal["at least"] = "at least"
AT_MOST: Literal["at most"] = "at most"

#: Titles of the paper's claims, by number.
TITLES = {
    1: "Task-diversity threshold",
    2: "Transient ridge",
    3: "Joint PCA: what the components follow",
    4: "Deflection towards ridge grows with M",
    5: "Earlier tokens load more on PC2",
    6: "The PCA is insensitive to B",
    7: "Loss gap and the fitting side",
    8: "LLC against M",
    9: "Internal model selection",
    10: "Why transience stops (open question)",
}


Measure = Callable[[Evidence, int], float]


@dataclass(frozen=True)
class Statement:
    """One row of the scorecard. ``threshold`` names a key of the section `claims`.

    ``measure`` gives the value for one seed. A statement that is ``joint`` has one value for all seeds together
    (the joint PCA, the idealised predictors), so it has no uncertainty over seeds.
    """

    claim: int
    part: str
    text: str
    quantity: str
    comparison: Literal["at least", "at most"]
    threshold: str
    measure: Measure
    joint: bool


END = "relative distance at the end (0 = ridge, 1 = dMMSE)"
GAP = "share of the OOD gap between ridge and dMMSE_M"
BENT = "deflection (0 = straight to dMMSE_M, 1 = through ridge)"
OCTAVES = "octaves of M"

#: Every statement, as it is defined below; the scorecard sorts them by claim and part.
STATEMENTS: list[Statement] = []


def states(
    claim: int,
    part: str,
    text: str,
    quantity: str,
    comparison: Literal["at least", "at most"],
    threshold: str,
    joint: bool = False,
) -> Callable[[Measure], Measure]:
    """Decorator: the function measures this statement, which joins :data:`STATEMENTS`."""

    def register(measure: Measure) -> Measure:
        STATEMENTS.append(
            Statement(claim, part, text, quantity, comparison, threshold, measure, joint)
        )
        return measure

    return register


# -- 1: threshold ----------------------------------------------------------------------------


@states(1, "a", "The least M ends close to dMMSE_M", END, AT_LEAST, "dmmse_like")
def _least_ends_at_dmmse(evidence: Evidence, seed: int) -> float:
    M = _finite(evidence, seed)[0]
    evidence.require_resolved(M, seed)
    return evidence.end(M, seed)


@states(1, "b", "The greatest finite M ends close to ridge", END, AT_MOST, "ridge_like")
def _greatest_ends_at_ridge(evidence: Evidence, seed: int) -> float:
    M = _finite(evidence, seed)[-1]
    evidence.require_resolved(M, seed)
    evidence.require_trained(seed)
    return evidence.end(M, seed)


@states(
    1,
    "c",
    "The end moves from dMMSE to ridge as M grows",
    "rank correlation of M and the relative distance at the end",
    AT_MOST,
    "falls",
)
def _end_falls(evidence: Evidence, seed: int) -> float:
    diversities = evidence.resolved(seed)
    ends = [evidence.end(M, seed) for M in diversities]
    return rank_correlation(diversities, ends, "M with predictors that can be told apart")


@states(
    1,
    "d",
    "The threshold is where the paper finds it, between M = 128 and 362",
    OCTAVES,
    AT_MOST,
    "threshold_octaves",
)
def _threshold_where_the_paper_finds_it(evidence: Evidence, seed: int) -> float:
    centre = evidence.settings.paper_threshold
    if centre is None:
        raise NotTestableError(
            "the paper states where the threshold is for its own D, K and sigma^2"
            f"; here it is at M = {_or_none(evidence, seed)}"
        )
    evidence.require_trained(seed)
    return abs(math.log2(evidence.threshold(seed) / centre))


def _or_none(evidence: Evidence, seed: int) -> str:
    try:
        return f"{evidence.threshold(seed):.3g}"
    except NotTestableError:
        return "none of the grid"


# -- 2: transient ridge ----------------------------------------------------------------------


@states(
    2,
    "a",
    "For some M the OOD loss falls towards ridge's, then rises",
    f"lesser of dip and rise, {GAP}",
    AT_LEAST,
    "transience",
)
def _dips_and_rises(evidence: Evidence, seed: int) -> float:
    return evidence.transience(evidence.by_transience[0], seed)


@states(
    2,
    "b",
    "There it rises to dMMSE_M's",
    f"end of the OOD loss above ridge's, {GAP}",
    AT_LEAST,
    "risen",
)
def _rises_to_dmmse(evidence: Evidence, seed: int) -> float:
    M = evidence.by_transience[0]
    if evidence.transience(M, seed) < evidence.settings.transience:
        raise NotTestableError("no M has a transient ridge (statement 2a)")
    return evidence.end_of_ood_loss(M, seed)


@states(
    2,
    "c",
    "The least and the greatest M show no transient ridge",
    f"lesser of dip and rise, {GAP}",
    AT_MOST,
    "no_transience",
)
def _not_at_the_ends_of_the_grid(evidence: Evidence, seed: int) -> float:
    diversities = _finite(evidence, seed)
    if len(diversities) < 3:
        raise NotTestableError(f"the grid has {len(diversities)} finite M, and three are needed")
    return max(evidence.transience(M, seed) for M in (diversities[0], diversities[-1]))


@states(
    2,
    "d",
    "A second M shows it too",
    f"lesser of dip and rise, {GAP}",
    AT_LEAST,
    "transience",
)
def _a_second_one(evidence: Evidence, seed: int) -> float:
    if len(evidence.by_transience) < 2:
        raise NotTestableError("the grid has one finite M")
    return evidence.transience(evidence.by_transience[1], seed)


@states(
    2,
    "e",
    "With M = inf, training ends at ridge",
    "distance to ridge at the end, share of Delta(dMMSE_M, ridge) out of distribution at the M of 2a",
    AT_MOST,
    "at_ridge",
)
def _infinity_ends_at_ridge(evidence: Evidence, seed: int) -> float:
    return evidence.reach(seed) / evidence.predictors_apart(evidence.by_transience[0], OUT)


# -- 3, 4: joint PCA -------------------------------------------------------------------------


@states(
    3,
    "a",
    "Two components explain as much as in the paper",
    "share of the variance",
    AT_LEAST,
    "explained",
    joint=True,
)
def _explained_by_two(evidence: Evidence, _: int) -> float:
    variance = evidence.frames["pca_variance"]
    if len(variance) < 2:
        raise NotTestableError("the joint PCA has one component: raise pca.components")
    return float(variance[variance["component"] <= 2]["explained_variance_ratio"].sum())


@states(
    3,
    "c",
    "PC2 orders the predictors from dMMSE of least M to ridge",
    "rank correlation of M and PC2 of the predictors",
    AT_MOST,
    "falls",
    joint=True,
)
def _pc2_orders_the_predictors(evidence: Evidence, _: int) -> float:
    points = evidence.frames["pca_idealised"]
    points = points[points["component"] == 2]
    return rank_correlation(points["task_diversity"], points["coordinate"], "idealised predictors")


@states(
    3, "b", "PC2 follows the OOD loss", "rank correlation over runs and steps", AT_LEAST, "follows"
)
def _pc2_is_ood_loss(evidence: Evidence, seed: int) -> float:
    return evidence.with_loss(2, seed, OUT)


@states(
    3,
    "d",
    "PC1 follows the loss on the root task",
    "rank correlation over runs and steps",
    AT_MOST,
    "follows_inversely",
)
def _pc1_is_root_loss(evidence: Evidence, seed: int) -> float:
    return evidence.with_loss(1, seed, ROOT)


@states(
    3, "e", "PC1 follows development time", "rank correlation with the step", AT_LEAST, "follows"
)
def _pc1_is_time(evidence: Evidence, seed: int) -> float:
    coordinates = evidence.component(1, seed)
    steps = coordinates.index.get_level_values("step")
    return rank_correlation(steps, coordinates, "checkpoints")


@states(
    4,
    "b",
    "The deflection grows with M",
    "rank correlation of M and the deflection",
    AT_LEAST,
    "grows",
)
def _deflection_grows(evidence: Evidence, seed: int) -> float:
    diversities = evidence.resolved(seed)
    bent = [evidence.deflection(M, seed) for M in diversities]
    return rank_correlation(diversities, bent, "M with predictors that can be told apart")


@states(4, "a", "The least M goes straight to dMMSE_M", BENT, AT_MOST, "straight")
def _least_goes_straight(evidence: Evidence, seed: int) -> float:
    return evidence.deflection(_finite(evidence, seed)[0], seed)


@states(4, "c", "Some path passes close to ridge", BENT, AT_LEAST, "deflected")
def _some_pass_by_ridge(evidence: Evidence, seed: int) -> float:
    bent = [evidence.deflection(M, seed) for M in evidence.resolved(seed)]
    if not bent:
        raise NotTestableError("for no M can the predictors be told apart: train longer or wider")
    return max(bent)


# -- 5, 6: loadings and robustness -----------------------------------------------------------


@states(
    5,
    "a",
    "Earlier tokens load more on PC2",
    "rank correlation of position and loading",
    AT_MOST,
    "follows_inversely",
    joint=True,
)
def _early_tokens_load(evidence: Evidence, _: int) -> float:
    loadings = evidence.frames["pca_loadings"]
    loadings = loadings[loadings["component"] == 2]
    return rank_correlation(loadings["token"], loadings["loading"], "positions on PC2")


@states(
    6,
    "a",
    "From B = 16 on the trajectories keep their shape",
    "greatest Procrustes distance (0 = same, 1 = unrelated)",
    AT_MOST,
    "trajectory_distance",
    joint=True,
)
def _same_with_fewer_sequences(evidence: Evidence, _: int) -> float:
    table = evidence.frames["pca_robustness"]
    in_plane = table["components"] <= 2
    enough = table["sequences"] >= evidence.settings.insensitive_from
    rows = table[(table["check"] == "sequences") & enough & in_plane & ~table["reference"]]
    if rows.empty:
        raise NotTestableError(
            f"pca_robustness.sequences has no B from {evidence.settings.insensitive_from} up to below the greatest"
        )
    return float(rows["trajectory_distance"].max())


# -- 7: losses in distribution ---------------------------------------------------------------


@states(
    7,
    "a",
    "On q_M, dMMSE_M's advantage over ridge shrinks as M grows",
    "rank correlation of M and the gap",
    AT_MOST,
    "falls",
    joint=True,
)
def _gap_shrinks(evidence: Evidence, seed: int) -> float:
    diversities = evidence.diversities(seed)
    gaps = [evidence.ideal("ridge", M, IN) - evidence.ideal("dmmse", M, IN) for M in diversities]
    return rank_correlation(diversities, gaps, "finite M")


@states(
    7,
    "b",
    "Models that end dMMSE-like fit q_M better than half-way from ridge to dMMSE_M",
    "worst excess loss over dMMSE_M, share of the gap",
    AT_MOST,
    "fitting_side",
)
def _fits_below_the_threshold(evidence: Evidence, seed: int) -> float:
    diversities = evidence.dmmse_like(seed)
    if not diversities:
        raise NotTestableError("no run ends dMMSE-like")
    return max(
        float(evidence.losses(M, seed, IN).iloc[-1] - evidence.ideal("dmmse", M, IN))
        / (evidence.ideal("ridge", M, IN) - evidence.ideal("dmmse", M, IN))
        for M in diversities
    )


# -- 8, 9: complexity and selection ----------------------------------------------------------


@states(
    8,
    "a",
    "The LLC of dMMSE-like models grows with M",
    "rank correlation of M and the LLC",
    AT_LEAST,
    "grows",
)
def _llc_grows(evidence: Evidence, seed: int) -> float:
    llc = evidence.llc(seed)
    diversities = [M for M in evidence.dmmse_like(seed) if M in llc]
    return rank_correlation(diversities, [llc[M] for M in diversities], "dMMSE-like runs with LLC")


@states(8, "b", "It crosses lambda_inf where transience sets in", OCTAVES, AT_MOST, "onset_octaves")
def _llc_crosses_at_onset(evidence: Evidence, seed: int) -> float:
    llc, ridge = evidence.llc(seed), evidence.llc_of_ridge(seed)
    finite = sorted(M for M in llc if not math.isinf(M))
    above = [M for M in finite if llc[M] >= ridge]
    least = evidence.settings.transience
    onset = [M for M in evidence.diversities(seed) if evidence.transience(M, seed) >= least]
    if not above or above[0] == finite[0]:
        raise NotTestableError("the LLC does not cross lambda_inf within the grid")
    if not onset:
        raise NotTestableError("no M has a transient ridge (statement 2a)")
    high = above[0]
    low = finite[finite.index(high) - 1]
    share = (ridge - llc[low]) / (llc[high] - llc[low])
    return abs(math.log2(low * (high / low) ** share / onset[0]))


@states(
    8, "c", "It levels off above M = 32", "range of the LLC over its mean", AT_MOST, "llc_spread"
)
def _llc_levels_off(evidence: Evidence, seed: int) -> float:
    llc, start = evidence.llc(seed), evidence.settings.plateau_from
    level = [llc[M] for M in evidence.dmmse_like(seed) if M in llc and start <= M]
    if len(level) < 2:
        raise NotTestableError(
            f"{len(level)} dMMSE-like runs with M >= {start} and an LLC; two are needed"
        )
    return (max(level) - min(level)) / abs(float(np.mean(level)))


@states(
    8,
    "d",
    "The LLC of the greatest M equals lambda_inf",
    "relative difference",
    AT_MOST,
    "llc_spread",
)
def _llc_converges(evidence: Evidence, seed: int) -> float:
    llc, ridge = evidence.llc(seed), evidence.llc_of_ridge(seed)
    M = _finite(evidence, seed)[-1]
    if M not in llc:
        raise NotTestableError(f"no healthy LLC of M = {M:g}, seed = {seed}")
    return abs(llc[M] / ridge - 1)


@states(9, "b", "n* grows with M", "rank correlation of M and n*", AT_LEAST, "grows")
def _crossover_grows(evidence: Evidence, seed: int) -> float:
    rows = evidence.selection(seed)
    return rank_correlation(rows["task_diversity"], rows["crossover"], "M with known n*")


@states(9, "a", "The least M never prefers ridge", "n* (pairs)", AT_MOST, "never_ridge")
def _least_never_ridge(evidence: Evidence, seed: int) -> float:
    crossover = evidence.selection(seed)["crossover"].iloc[0]
    if math.isnan(crossover):
        raise NotTestableError("n* of the least M is not known")
    return float(crossover)


@states(9, "c", "n* predicts t_crit", "rank correlation over transient M", AT_LEAST, "follows")
def _crossover_predicts_critical_step(evidence: Evidence, seed: int) -> float:
    return _crossover_predicts("critical_step", evidence, seed)


@states(
    9,
    "d",
    "n* predicts the switch to dMMSE_M",
    "rank correlation over transient M",
    AT_LEAST,
    "follows",
)
def _crossover_predicts_switch(evidence: Evidence, seed: int) -> float:
    return _crossover_predicts("switch_step", evidence, seed)


def _crossover_predicts(column: str, evidence: Evidence, seed: int) -> float:
    rows = evidence.selection(seed)
    least = evidence.settings.transience
    transient = [evidence.transience(M, seed) >= least for M in rows["task_diversity"]]
    rows = rows[transient]
    return rank_correlation(rows["crossover"], rows[column], "M with a transient ridge and n*")


# -- 10: the open question -------------------------------------------------------------------


@states(
    10,
    "a",
    "The threshold has settled by the end (if not, models above it may be under-trained)",
    f"{OCTAVES} moved in the second half of training",
    AT_MOST,
    "settled_octaves",
)
def _threshold_still_moves(evidence: Evidence, seed: int) -> float:
    return abs(math.log2(evidence.threshold(seed) / evidence.threshold(seed, share=0.5)))


def _finite(evidence: Evidence, seed: int) -> list[float]:
    diversities = evidence.diversities(seed)
    if not diversities:
        raise NotTestableError("the grid has no finite M")
    return diversities
