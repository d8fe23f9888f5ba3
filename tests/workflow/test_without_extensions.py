"""The core stands by itself: with the folder of extensions deleted, it plans and its tests pass."""

import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.workflow, pytest.mark.slow, pytest.mark.ci]

#: Tests that cover every entry of a registry, table, figure, statement or preset.
TELLING = (
    "tests/extensions", "tests/unit/figures/test_drawing.py", "tests/unit/figures/test_every_figure.py",
    "tests/unit/test_claims.py", "tests/unit/test_config.py", "tests/unit/test_documentation.py",
    "tests/unit/test_fingerprints.py", "tests/unit/test_layout.py", "tests/unit/test_rooms.py",
)  # fmt: skip


@pytest.fixture
def core(tmp_path):
    """A copy of the checkout without extensions, and a way to run a module in it."""
    ignored = shutil.ignore_patterns("extensions", "__pycache__", "*.egg-info")
    for folder in ("benchmarks", "config", "docs", "src", "workflow"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copytree(ROOT / "tests", tmp_path / "tests")
    for path in ROOT.glob("[!.]*"):
        if path.is_file():
            shutil.copy(path, tmp_path)

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=tmp_path, text=True, check=False,
            env={"PYTHONPATH": str(tmp_path / "src"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert not (tmp_path / "src/transient_ridge/extensions").exists()
    run("transient_ridge.config.generate")  # the schema lists the entries that exist
    return run


def test_the_core_plans(core):
    plan = core("snakemake", "-n", "--cores", "2", "--configfile", "config/smoke.yaml")
    assert "rule train" in plan
    assert "in_weight_gate" not in plan


def test_the_core_passes_its_tests(core):
    assert "passed" in core("pytest", "-m", "not slow", "-rN", "-v", "--no-header", *TELLING)
