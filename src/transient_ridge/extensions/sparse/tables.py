"""Losses without each head, where statements judge them."""

from ...artefacts.availability import claimed
from ...artefacts.columns import Run, table


@table("run", runs=claimed("more_heads_in_first_layer", "heads_in_later_layers"), judged=True)
class HeadAblation(Run):
    """Losses of the last checkpoint without each of its heads."""

    dataset: str
    """in_distribution (q_M) or out_of_distribution (q_inf)"""
    layer: int
    """layer of the head, from 0"""
    head: int
    """head whose output is set to zero, from 0"""
    loss: float
    """mean squared error without it, in units of y^2"""
    standard_error: float
    """standard error of the mean over sequences"""
    increase: float
    """loss less that of the intact model, in units of y^2"""
    increase_standard_error: float
    """standard error of increase: of the mean difference over the same sequences"""
