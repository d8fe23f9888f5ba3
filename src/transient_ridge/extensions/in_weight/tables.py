"""Gates by task: there are some where tasks are of unequal frequency."""

from ...artefacts.availability import finite, offered
from ...artefacts.columns import GATE, RUN, Table, integer, number
from ...config.registries import TASK_FAMILIES

TABLES = {
    "task_gates": Table(
        "run",
        {
            **RUN,
            "task": integer(
                "task of T_M, from 1, the most frequent first; only of task families with tasks of unequal frequency"
            ),
            "share": number("share of the sequences of q_M that are of the task"),
            **GATE,
        },
        runs=offered(TASK_FAMILIES, "tasks", "members", finite),
        judged=True,
    )
}
