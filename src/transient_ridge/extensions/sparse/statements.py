"""Statements of the preset `sparse`: what a model learns of sparse tasks, and with which heads (README.md)."""

import math

from ...analysis.datasets import OUT_OF_DISTRIBUTION as OUT
from ...scorecard.measurements import Evidence
from ...scorecard.nulls import NULLS, Frames
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import states_if_asked

ALGORITHM = "preprocess_descend"
#: A loss increase counts if it exceeds this many standard errors.
STANDARD_ERRORS = 2
DENSE, HEADS_ALIKE = "dense", "heads alike"


def dense(evidence: Evidence) -> Frames:
    """Nothing is learnt of sparsity: the OOD loss of M = infinity stays at ridge's, or above."""
    ridge = evidence.ideal("ridge", math.inf, OUT)
    losses = evidence.table("smoothed_losses").copy()
    below = (losses["task_diversity"] == math.inf) & (losses["dataset"] == OUT)
    losses.loc[below & (losses["loss"] < ridge), "loss"] = ridge
    return {**evidence.frames, "smoothed_losses": losses}


def heads_alike(evidence: Evidence) -> Frames:
    """Within a layer all heads matter alike: each has the mean loss increase."""
    table = evidence.table("head_ablation")
    layer = ["task_diversity", "seed", "step", "dataset", "layer"]
    mean = table.groupby(layer)["increase"].transform("mean")
    return {**evidence.frames, "head_ablation": table.assign(increase=mean)}


NULLS[DENSE] = dense
NULLS[HEADS_ALIKE] = heads_alike


@states_if_asked("h", at_most="below_ridge", nulls=(DENSE,))
def _sparsity_is_learnt(evidence: Evidence, seed: int) -> float:
    """Where no task comes twice, the model learns that tasks are sparse: it ends below ridge.

    Measured: OOD loss of M = inf at the end, as a share of ridge's.
    """
    return float(_last_loss(evidence, seed) / evidence.ideal("ridge", math.inf, OUT))


@states_if_asked("i", at_least="gain_of_algorithm", nulls=(DENSE,))
def _as_good_as_the_algorithm(evidence: Evidence, seed: int) -> float:
    """It gains at least as much on ridge as preprocess-then-descend.

    Measured: fall of the OOD loss of M = inf below ridge's at the end, as a share of that of preprocess-then-descend.
    """
    measured = evidence.table("idealised_losses")
    if not (measured["predictor"] == ALGORITHM).any():
        raise NotTestableError(f"not measured: evaluation.predictors lacks {ALGORITHM}")
    ridge, algorithm = (evidence.ideal(name, math.inf, OUT) for name in ("ridge", ALGORITHM))
    if not algorithm < ridge:
        raise NotTestableError(f"{ALGORITHM} gains nothing on ridge here")
    return float((ridge - _last_loss(evidence, seed)) / (ridge - algorithm))


@states_if_asked("j", at_least="more_heads_in_first_layer", nulls=(HEADS_ALIKE,))
def _first_layer_uses_more_heads(evidence: Evidence, seed: int) -> float:
    """The first layer uses more heads than the others.

    Measured: heads that the first layer of M = inf uses, less the mean of the other layers.
    """
    first, *others = _heads_in_use(evidence, seed)
    return first - sum(others) / len(others)


@states_if_asked("k", at_most="heads_in_later_layers", nulls=(HEADS_ALIKE,))
def _later_layers_use_one_head(evidence: Evidence, seed: int) -> float:
    """A later layer uses little more than one head.

    Measured: heads that a layer of M = inf after the first uses, mean over layers.
    """
    others = _heads_in_use(evidence, seed)[1:]
    return sum(others) / len(others)


def _last_loss(evidence: Evidence, seed: int) -> float:
    return float(evidence.losses(math.inf, seed, OUT).iloc[-1])


def _heads_in_use(evidence: Evidence, seed: int) -> list[float]:
    """How many heads each layer of the trained M = infinity model uses on new tasks.

    The participation ratio (sum i)^2 / sum i^2 of the loss increases i of its heads: 1 if one head matters, H if all
    matter alike; 0 if no increase can be told from 0. Raises NotTestableError if the model has one layer or one head.
    """
    rows = evidence.table("head_ablation")
    rows = rows[
        (rows["task_diversity"] == math.inf) & (rows["seed"] == seed) & (rows["dataset"] == OUT)
    ]
    if rows.empty:
        raise NotTestableError(f"the grid has no run with M = inf, seed = {seed}")
    if rows["layer"].nunique() < 2 or rows["head"].nunique() < 2:
        raise NotTestableError(
            "layers and heads are compared: model.layers and model.heads must be at least 2"
        )
    counts = rows["increase"] > STANDARD_ERRORS * rows["increase_standard_error"]
    increases = rows["increase"].where(counts, 0.0).groupby(rows["layer"])
    found = increases.sum() ** 2 / increases.agg(lambda i: (i**2).sum())
    return [float(heads) for heads in found.fillna(0.0).sort_index()]
