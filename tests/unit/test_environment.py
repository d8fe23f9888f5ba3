"""The caller's environment changes no result and stops no job."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.unit import world_tables
from transient_ridge import environment
from transient_ridge.artefacts import provenance
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import ConfigError

HOSTILE = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MATPLOTLIBRC": "elsewhere/matplotlibrc",
    "PYTHONWARNINGS": "error",
    "SOURCE_DATE_EPOCH": "0",
    "GIT_DIR": "/nowhere",
    "SNAKEMAKE_PROFILE": "slurm",
    "LC_ALL": "C",
    "LANG": "de_DE",
}

#: Every line would change a figure: text by LaTeX, a grid, other fonts, colours and sizes.
MATPLOTLIBRC = """
text.usetex: True
axes.grid: True
axes.facecolor: red
figure.dpi: 37
savefig.bbox: tight
lines.linestyle: --
axes.formatter.use_locale: True
"""


@pytest.fixture
def table(tmp_path):
    """A table for a figure."""
    path = tmp_path / "training.parquet"
    Rows.of("training", world_tables.tables(seeds=(0,))["training"]).save(path, {})
    return path


def draw(table, folder, **variables):
    """PNG and SVG of a figure, drawn by a job in ``folder``, and the record of the first."""
    folder.mkdir(exist_ok=True)
    outputs = [folder / f"figure.{kind}" for kind in ("png", "svg")]
    base = {name: value for name, value in os.environ.items() if name not in HOSTILE}
    subprocess.run(
        [
            sys.executable, "-m", "transient_ridge", "figures.curves.training_curves", "--inputs", f"training={table}",
            "--outputs", *(f"{path.suffix[1:]}={path}" for path in outputs),
        ],
        cwd=folder, check=True, env=base | {"PYTHONPATH": str(ROOT / "src")} | variables,
    )  # fmt: skip
    return [path.read_bytes() for path in outputs], provenance.read_beside(outputs[0])


def test_a_figure_has_the_same_bytes_in_any_environment(table, tmp_path):
    hostile = tmp_path / "hostile"
    for folder in (hostile, hostile / "elsewhere"):
        folder.mkdir()
        (folder / "matplotlibrc").write_text(MATPLOTLIBRC)
    clean, record = draw(table, tmp_path / "clean")
    disturbed, of_disturbed = draw(table, hostile, **HOSTILE)
    assert disturbed == clean
    assert of_disturbed["git"] == record["git"]


def test_variables_are_set_and_dropped():
    environ = {"HOME": "/home/me", **HOSTILE, "NVIDIA_TF32_OVERRIDE": "1"}
    environment.settle(environ)
    kept = {"HOME": "/home/me", "LC_ALL": "C", "LANG": "de_DE"}
    assert environ == {**kept, **environment.SET}


ARVIZ = """
import os
from transient_ridge import environment
environment.settle(os.environ)
import arviz
print(arviz.rcParams["stats.ci_prob"])
"""


def test_the_arvizrc_of_another_version_stops_no_job(tmp_path):
    own = tmp_path / "arviz" / "arvizrc"
    own.parent.mkdir()
    own.write_text("plot.no_longer_known: 3\nstats.ci_prob: 0.5\n")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ARVIZ], cwd=tmp_path, text=True, capture_output=True, check=True,
        env=os.environ | {"XDG_CONFIG_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "0.94"


def test_an_encoding_that_cannot_hold_the_text_is_refused(monkeypatch):
    monkeypatch.setattr(environment.locale, "getpreferredencoding", lambda **_: "ISO-8859-1")
    with pytest.raises(ConfigError, match="encoding is ISO-8859-1: set PYTHONUTF8=1"):
        environment.settle({})


def test_snakemake_refuses_it_before_it_plans():
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "1"], cwd=ROOT, text=True, check=False,
        capture_output=True, env=os.environ | ascii_only,
    )  # fmt: skip
    assert done.returncode != 0
    assert "set PYTHONUTF8=1" in done.stdout + done.stderr


def test_make_runs_here_and_installs_into_its_own_environment():
    strangers = {"SNAKEMAKE_PROFILE": "slurm", "PIP_USER": "1", "PIP_TARGET": "elsewhere"}
    done = subprocess.run(
        ["make", "--eval", "shown: ; env", "shown"], cwd=ROOT, env=os.environ | strangers,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "PYTHONUTF8=1" in done.stdout
    assert not {line.partition("=")[0] for line in done.stdout.splitlines()} & set(strangers)
