"""Gates by task, for families whose tasks have unequal frequency."""

from ...artefacts.availability import finite, offered
from ...artefacts.columns import Gate, Run, table
from ...config.registries import TASK_FAMILIES


class _Task:
    task: int
    """task of T_M, from 1, the most frequent first; only of task families with tasks of unequal frequency"""
    share: float
    """share of the sequences of q_M that are of the task"""


@table("run", runs=offered(TASK_FAMILIES, "tasks", "members", finite), judged=True)
class TaskGates(Run, _Task, Gate):
    """The nearest mixture of the two predictors, for each task."""
