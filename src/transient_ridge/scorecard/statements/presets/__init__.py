"""Statements that presets ask for under `claims.own`, a file for each preset."""

from . import heads, imbalanced, in_weight, mixtures, recurrence, sparse

__all__ = ["heads", "imbalanced", "in_weight", "mixtures", "recurrence", "sparse"]
