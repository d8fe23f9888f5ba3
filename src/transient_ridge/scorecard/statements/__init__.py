"""The statements of the scorecard, one file per subject; :data:`STATEMENTS` holds them all.

Your own statements are functions in ``own.py``; an extension keeps its own in its ``statements.py``.
"""

import importlib

from ...places import in_extensions, module_name
from ..statement import STATEMENTS
from . import (
    complexity,
    deflection,
    fit,
    joint_pca,
    model_selection,
    own,
    robustness,
    threshold,
    transience,
)

__all__ = [
    "STATEMENTS", "complexity", "deflection", "fit", "joint_pca", "model_selection", "own", "robustness", "threshold",
    "transience",
]  # fmt: skip

for _path in in_extensions("statements.py"):
    importlib.import_module(f"transient_ridge.{module_name(_path)}")
