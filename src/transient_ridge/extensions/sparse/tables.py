"""Losses without each head."""

from ...artefacts.columns import LOSS, RUN, Table, integer, number, text

TABLES = {
    "head_ablation": Table(
        "run",
        {
            **RUN,
            "dataset": text("in_distribution (q_M) or out_of_distribution (q_inf)"),
            "layer": integer("layer of the head, from 0"),
            "head": integer("head whose output is set to zero, from 0"),
            "loss": number("mean squared error without it, in units of y^2"),
            "standard_error": LOSS["standard_error"],
            "increase": number("loss less that of the intact model, in units of y^2"),
            "increase_standard_error": number(
                "standard error of increase: of the mean difference over the same sequences"
            ),
        },
        judged=True,
    )
}
