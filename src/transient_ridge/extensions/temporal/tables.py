"""The same runs with tasks that stay, beside those whose tasks change."""

from ...artefacts.availability import finite, offered
from ...artefacts.columns import RUN, Table, number
from ...config.registries import TASK_FAMILIES

TABLES = {
    "unchanged": Table(
        "run",
        {
            **RUN,
            "alpha": number(
                "place along the line from ridge (0) to dMMSE_M (1) in distribution, of the run of the same M and seed "
                "whose tasks stay; only where they change"
            ),
            "alpha_out": number("the same out of distribution"),
        },
        runs=offered(TASK_FAMILIES, "tasks", "over_training", finite),
        judged=True,
    )
}
