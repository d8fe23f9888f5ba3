"""The wheel in a fresh virtual environment outside the checkout, as used without a clone."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT

USE = """
import torch
from torch import nn
import transient_ridge
from transient_ridge import dmmse, estimate_llc, joint_pca, ridge
from transient_ridge.config import presets

assert "site-packages" in transient_ridge.__file__, transient_ridge.__file__
assert {"laptop", "smoke", "paper"} - {"laptop"} <= set(presets.known())
presets.load("smoke")
x, y = torch.randn(80, 3), torch.randn(80, 1)
print(estimate_llc(nn.Linear(3, 1), nn.functional.mse_loss, (x, y), n_beta=10, gamma=1, draws=20))
print(transient_ridge.__version__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        ROOT,
    ]
    subprocess.run(command, check=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.slow
@pytest.mark.ci
def test_the_wheel_holds_what_the_package_reads(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "transient_ridge"
    read = [
        path
        for path in package.rglob("*")
        if path.suffix in (".py", ".rst", ".html", ".css", ".js", ".yaml", ".smk", ".typed")
    ]
    assert {f"transient_ridge/{path.relative_to(package)}" for path in read} <= inside
    presets = {
        f"transient_ridge/config/files/{path.name}" for path in (ROOT / "config").glob("*.yaml")
    }
    assert presets <= inside
    assert not any(name.endswith(".png") for name in inside)


@pytest.mark.slow
@pytest.mark.ci
def test_it_works_without_a_checkout(wheel, tmp_path):
    """The dependencies are those of this environment, because installing torch again takes minutes."""
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    here = next(Path(path) for path in sys.path if (Path(path) / "torch").is_dir())
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], check=True)
    (site / "dependencies.pth").write_text(str(here))
    done = subprocess.run(
        [python, "-c", USE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr
    assert "LLC" in done.stdout
