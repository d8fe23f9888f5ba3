"""Losses by feature: there are some where the input law has features."""

from ...artefacts.availability import offered
from ...artefacts.columns import LOSS, RUN, SET, Table, integer, number
from ...config.registries import INPUT_LAWS

TABLES = {
    "feature_losses": Table(
        "run",
        {
            **RUN,
            "dataset": SET["dataset"],
            "feature": integer("feature of x_k, from 1; only of input laws that have features"),
            "share": number("share of the pairs of this set that are of the feature"),
            "ridge": number("loss of ridge on these pairs, in units of y^2"),
            **LOSS,
        },
        runs=offered(INPUT_LAWS, "inputs", "feature"),
        judged=True,
    )
}
