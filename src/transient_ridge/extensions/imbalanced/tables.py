"""Losses by feature, for input laws that have features."""

from ...artefacts.availability import offered
from ...artefacts.columns import Dataset, Loss, Run, table
from ...config.registries import INPUT_LAWS


class _Feature:
    feature: int
    """feature of x_k, from 1; only of input laws that have features"""
    share: float
    """share of the pairs of this set that are of the feature"""
    ridge: float
    """loss of ridge on these pairs, in units of y^2"""


@table("run", runs=offered(INPUT_LAWS, "inputs", "feature"), judged=True)
class FeatureLosses(Run, Dataset, _Feature, Loss):
    """Losses of every checkpoint on the pairs of each feature."""
