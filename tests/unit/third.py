"""A predictor that is there for one test alone."""

import shutil
from pathlib import Path

import pytest

from transient_ridge.config import registries
from transient_ridge.config.registries import PREDICTORS

LABEL, MARKER = "best guess", "v"


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, of_tasks: bool) -> str:
    """Add a predictor to a copy of the registry in ``folder``, as a file in the package would; its name.

    ``of_tasks``: whether it depends on the task set.
    """
    name = "guess_of_tasks" if of_tasks else "guess_for_all"
    own = registries.PACKAGE / "regression" / "predictors"
    package = folder / "regression" / "predictors"
    shutil.copytree(own, package, ignore=shutil.ignore_patterns("__pycache__"))
    constants = {"LABEL": LABEL, "MARKER": MARKER, "OF_TASK_SET": of_tasks}
    (package / f"{name}.py").write_text("".join(f"{k} = {v!r}\n" for k, v in constants.items()))
    names = sorted([*PREDICTORS.names, name])
    monkeypatch.setattr(registries, "PACKAGE", folder)
    monkeypatch.setattr(PREDICTORS, "names", names)
    return name
