"""Stages on the command line: their help, and the arguments that they refuse before any work."""

import json
import subprocess
import sys

import pytest

from transient_ridge import __main__ as runner
from transient_ridge import stage as stages_of
from transient_ridge.artefacts import tables
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import StageError
from transient_ridge.report.commands import COMMANDS


def call(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["transient_ridge", *map(str, words)])
    runner.main()


@pytest.fixture
def losses(tmp_path):
    """A table of losses over three steps."""
    rows = Rows("losses")
    for step, loss in ((0, 3.0), (10, 1.0), (20, 2.0)):
        rows.add(
            task_diversity=4, seed=0, step=step, dataset="out_of_distribution", token=None, loss=loss,
            standard_error=0.1,
        )  # fmt: skip
    path = tmp_path / "losses.parquet"
    rows.save(path, {"settings_hash": "x"})
    return path


SETTINGS = json.dumps({"curves": {"smoothing_width": 1e-3}})


def test_a_stage_reads_computes_writes_and_stamps(losses, tmp_path, monkeypatch):
    critical, smoothed = tmp_path / "critical.parquet", tmp_path / "smoothed.parquet"
    call(
        monkeypatch, "analysis.curves", "--inputs", f"losses={losses}", "--outputs",
        f"critical_steps={critical}", f"smoothed_losses={smoothed}", "--settings", SETTINGS,
    )  # fmt: skip
    found = tables.read(critical, "critical_steps")
    assert found[found["curve"] == "raw"]["step"].item() == 10
    record = tables.provenance(smoothed)
    assert record["settings"] == json.loads(SETTINGS)
    assert sorted(path.suffix for path in tmp_path.iterdir() if "lock" in path.name) == []


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        ([], ["critical_steps=c", "smoothed_losses=s"], "input 'losses' is missing; its inputs are losses"),
        (["losses=l", "llc=x"], ["critical_steps=c", "smoothed_losses=s"], "input 'llc' is unknown"),
        (["losses=l"], ["critical_steps=c"], "output 'smoothed_losses' is missing"),
        (["losses=l"], ["critical_steps=c", "smoothed_losses=s", "z=z"], "output 'z' is unknown"),
    ],
)  # fmt: skip
def test_missing_and_surplus_files_are_named(inputs, outputs, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"StageError: stage analysis.curves: {message}"):
        call(monkeypatch, "analysis.curves", "--inputs", *inputs, "--outputs", *outputs)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_stage_is_refused_with_the_known_ones(monkeypatch):
    with pytest.raises(
        SystemExit, match=r"stage 'analysis\.curvez': unknown; there are analysis\."
    ):
        call(monkeypatch, "analysis.curvez")
    with pytest.raises(StageError, match="stage 'errors': unknown"):
        stages_of.load("errors")


def test_every_stage_and_command_describes_itself(monkeypatch, capsys):
    call(monkeypatch, "--help")
    listed = capsys.readouterr().out
    for name in [*COMMANDS, *stages_of.stages()]:
        assert name in listed
    for name in ("analysis.phases", "figures.pca.pc_pairs", "scorecard.claims"):
        with pytest.raises(SystemExit):
            call(monkeypatch, name, "--help")
        text = capsys.readouterr().out
        found = stages_of.load(name)
        assert found.compute.__doc__.split("\n")[0] in text
        assert ", ".join(found.reads) in text
        assert ", ".join(found.writes) in text
    for name, command in COMMANDS.items():
        assert command.summary, name


def test_the_command_line_starts_without_torch_and_pandas():
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "transient_ridge", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "transient_ridge.stage" in loaded
    assert not loaded & {"torch", "pandas", "matplotlib", "arviz"}


LATER = """
from __future__ import annotations
import pandas as pd
from transient_ridge.stage import stage

@stage("x")
def compute(losses: list[pd.DataFrame], llc: pd.DataFrame): ...
"""


def test_annotations_may_be_postponed():
    module = {}
    exec(LATER, module)
    found = module["compute"].stage
    assert [found.one_by_one(name) for name in found.reads] == [True, False]


START = """
import sys
import transient_ridge.__main__
print(*(name for name in ("pydantic", "torch", "pandas", "scipy", "sklearn", "matplotlib") if name in sys.modules))
"""


def test_a_job_starts_without_packages_that_only_some_stages_need():
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_name_that_is_not_a_module_is_not_a_stage():
    assert stages_of.is_stage("analysis.phases")
    for name in ("", "..", "analysis", "analysis/phases", "/etc/passwd", "analysis.phase", "stage"):
        assert not stages_of.is_stage(name), name
