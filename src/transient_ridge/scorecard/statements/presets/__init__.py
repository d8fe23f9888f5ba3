"""Statements that presets ask for under `claims.own`, a file for each preset."""

from . import gradient_descent, heads, imbalanced, in_weight, mixtures, recurrence, sparse

__all__ = [
    "gradient_descent",
    "heads",
    "imbalanced",
    "in_weight",
    "mixtures",
    "recurrence",
    "sparse",
]
