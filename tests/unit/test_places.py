"""Extensions replace nothing: a name in use is refused with a message that names both files."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

TAKEN = {
    "preset": ("smoke.yaml", "config.presets", "known()"),
    "predictor": ("predictors/ridge.py", "config.registries", "PREDICTORS.names"),
    "figure": ("figures/hook.py", "artefacts.catalogue", "catalogue()"),
    "table": ("tables.py", "artefacts.schemas", "TABLES"),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the package, with the folder of presets beside it."""
    root = tmp_path_factory.mktemp("places")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", root / "src", ignore=ignored)
    shutil.copytree(ROOT / "config", root / "config")
    return root / "src"


@pytest.mark.parametrize("kind", TAKEN)
def test_a_taken_name_is_refused(kind, source):
    name, module, known = TAKEN[kind]
    added = source / "transient_ridge" / "extensions" / "mine" / name
    added.parent.mkdir(parents=True)
    added.write_text(
        "from ...artefacts.columns import Run, table\n\n@table('run')\nclass Losses(Run): pass\n\n"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", f"from transient_ridge.{module} import *; {known}"],
            env=os.environ | {"PYTHONPATH": str(source)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    finally:
        shutil.rmtree(source / "transient_ridge" / "extensions" / "mine")
    assert done.returncode
    error = done.stderr.splitlines()[-1]
    assert "ConfigError" in error
    assert str(added) in error
    assert "name" in error
