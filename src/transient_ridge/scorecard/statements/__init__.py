"""The statements of the scorecard, a file for each subject; :data:`STATEMENTS` holds all of them.

A statement of your own is one function in ``own.py``.
"""

from ..statement import STATEMENTS
from . import (
    complexity,
    deflection,
    fit,
    in_weight,
    joint_pca,
    mixtures,
    model_selection,
    own,
    recurrence,
    robustness,
    threshold,
    transience,
)

__all__ = [
    "STATEMENTS", "complexity", "deflection", "fit", "in_weight", "joint_pca", "mixtures", "model_selection", "own",
    "recurrence", "robustness", "threshold", "transience",
]  # fmt: skip
