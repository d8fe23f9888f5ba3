"""The statements of the scorecard, a file for each subject; :data:`STATEMENTS` holds all of them.

A statement of your own is one function in ``own.py``; those of an extension are in its ``statements.py``.
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
