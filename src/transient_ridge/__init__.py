"""Dynamics of transient structure in in-context linear regression transformers.

Data and imports go one way: config -> regression -> model -> training -> llc, analysis -> scorecard -> figures ->
report. Every room may use ``artefacts``, which reads and writes files. The exports of this module need no workflow and
work on other models and data (:mod:`.library`).
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .library.llc import LlcEstimate, estimate_llc
    from .library.predictors import dmmse, ridge
    from .library.pretrained import from_pretrained
    from .library.trajectories import JointPca, joint_pca
    from .training.adopted import export_run

    __version__: str

__all__ = [
    "JointPca",
    "LlcEstimate",
    "__version__",
    "dmmse",
    "estimate_llc",
    "export_run",
    "from_pretrained",
    "joint_pca",
    "ridge",
]

_HOMES = {
    "JointPca": "library.trajectories",
    "LlcEstimate": "library.llc",
    "dmmse": "library.predictors",
    "estimate_llc": "library.llc",
    "export_run": "training.adopted",
    "from_pretrained": "library.pretrained",
    "joint_pca": "library.trajectories",
    "ridge": "library.predictors",
}


def __getattr__(name: str) -> Any:
    """Import an export on first use: planning and jobs must not wait for all of them."""
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("transient-ridge")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
