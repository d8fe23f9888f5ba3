"""Losses without each head."""

from ...artefacts.columns import LOSS, RUN, Table

TABLES = {
    "head_ablation": Table(
        "run",
        {
            **RUN,
            "dataset": ("string", "in_distribution (q_M) or out_of_distribution (q_inf)"),
            "layer": ("int64", "layer of the head, from 0"),
            "head": ("int64", "head whose output is set to zero, from 0"),
            "loss": ("float64", "mean squared error without it, in units of y^2"),
            "standard_error": LOSS["standard_error"],
            "increase": ("float64", "loss less that of the intact model, in units of y^2"),
            "increase_standard_error": (
                "float64",
                "standard error of increase: of the mean difference over the same sequences",
            ),
        },
        judged=True,
    ),
}
