"""The statements of the scorecard, a file for each subject; :data:`STATEMENTS` holds all of them.

A statement of your own is one function in ``own.py``; those of presets are in ``presets``.
"""

from ..statement import STATEMENTS
from . import (
    complexity,
    deflection,
    fit,
    joint_pca,
    model_selection,
    own,
    presets,
    robustness,
    threshold,
    transience,
)

__all__ = [
    "STATEMENTS", "complexity", "deflection", "fit", "joint_pca", "model_selection", "own", "presets", "robustness",
    "threshold", "transience",
]  # fmt: skip
