"""Statements of the preset `in-weight`: the gate between ridge and dMMSE_M over training (README.md)."""

import math

from ...analysis.phases import HALF
from ...scorecard.measurements import Evidence, first_for_good, rank_correlation
from ...scorecard.nulls import GENERALISING, MEAN_TASK, NULLS, SOFTENED, STRAIGHT, Frames
from ...scorecard.outcomes import NotTestableError
from ...scorecard.statement import MEMORY, RIDGE_PHASE, TRIED, states_if_asked

#: The fewest tasks of unequal frequency that are ranked.
TASKS = 4
EVEN = "even"


def even(evidence: Evidence) -> Frames:
    """Frequency makes no difference: the gate on every task takes the mean course over tasks."""
    gates = evidence.table("task_gates")
    mean = gates.groupby(["task_diversity", "seed", "step"])["gate"].transform("mean")
    return {**evidence.frames, "task_gates": gates.assign(gate=mean)}


NULLS[EVEN] = even


@states_if_asked("d", at_least="gate_opens", nulls=(MEAN_TASK,))
def _few_go_in_weight(evidence: Evidence, seed: int) -> float:
    """Few tasks go in-weight.

    Measured: gate of the least M at the end.
    """
    return float(evidence.last_gate_of_least(seed)["gate"])


@states_if_asked("e", at_most="gate_closes", nulls=(GENERALISING,), about=RIDGE_PHASE)
def _many_go_in_weight_less(evidence: Evidence, seed: int) -> float:
    """The more tasks, the less goes in-weight.

    Measured: rank correlation of M and the gate at the end.
    """
    diversities = evidence.resolved(seed)
    gates = [float(evidence.gate(M, seed)["gate"].iloc[-1]) for M in diversities]
    if gates and not min(gates) < HALF:
        raise NotTestableError("every M whose predictors can be told apart ends with an open gate")
    return rank_correlation(diversities, gates, "M with predictors that can be told apart")


@states_if_asked("f", at_most="in_context_first", nulls=(STRAIGHT, SOFTENED), about=RIDGE_PHASE)
def _in_context_first(evidence: Evidence, seed: int) -> float:
    """In-context first: the gate is not half open where a run with a transient ridge turns.

    Measured: greatest gate at t_crit of these M.
    """
    transient = evidence.transient()
    return max(
        float(evidence.gate(M, seed)["gate"][evidence.critical_step(M, seed)]) for M in transient
    )


@states_if_asked("g", at_least="gate_explains", nulls=(MEAN_TASK,))
def _gate_explains(evidence: Evidence, seed: int) -> float:
    """The gate tells how a model that went in-weight differs from ridge.

    Measured: share of Delta(f, ridge) of the least M at the end that lies on the way to dMMSE_M.
    """
    end = evidence.last_gate_of_least(seed)
    explained = end["gate"] ** 2 * end["apart"]
    return float(explained / (explained + end["residual"]))


@states_if_asked("z", at_most="frequent_first", nulls=(EVEN,), about=MEMORY, set_when=TRIED)
def _frequent_tasks_first(evidence: Evidence, seed: int) -> float:
    """The more frequent a task, the sooner it goes in-weight.

    Measured: rank correlation, over tasks of the greatest M, of share and the step from which on the gate is at least
    half.
    """
    rows = evidence.table("task_gates")
    rows = rows[rows["seed"] == seed]
    rows = rows[rows["task_diversity"] == rows["task_diversity"].max()]
    gates = rows.pivot_table(index="step", columns="task", values="gate")
    if len(gates.columns) < TASKS:
        raise NotTestableError(f"only {len(gates.columns)} tasks, and {TASKS} are needed")
    shares = rows.groupby("task")["share"].mean()
    steps = [first_for_good(gates[task] >= HALF) for task in gates]
    if all(math.isinf(step) for step in steps):
        raise NotTestableError("no task goes in-weight: train longer")
    return rank_correlation(shares, steps, "tasks")
