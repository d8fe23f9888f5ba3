"""A predictor for the duration of one test."""

from pathlib import Path

import pytest

from transient_ridge.config.registries import PREDICTORS

LABEL, MARKER = "best guess", "v"


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, of_tasks: bool) -> str:
    """Add to the registry a predictor, a file in ``folder``, as if it were in the package; return its name.

    ``of_tasks``: whether it depends on the task set.
    """
    name = "guess_of_tasks" if of_tasks else "guess_for_all"
    constants = {"LABEL": LABEL, "MARKER": MARKER, "OF_TASK_SET": of_tasks}
    path = folder / f"{name}.py"
    folder.mkdir()
    path.write_text("".join(f"{k} = {v!r}\n" for k, v in constants.items()))
    paths = dict(sorted([*PREDICTORS.paths.items(), (name, path)]))
    monkeypatch.setattr(PREDICTORS, "paths", paths)
    monkeypatch.setattr(PREDICTORS, "names", list(paths))
    return name
