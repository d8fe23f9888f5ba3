"""A run of minutes on a GPU, all of it on the CPU: trained on a bare machine, finished by Snakemake at home."""

import json
import math
import subprocess
import sys

import pytest

from benchmarks.gpu_run.home import Home
from benchmarks.gpu_run.parcel import ParcelError
from tests.conftest import ROOT
from tests.unit.test_bare_machine import ABSENT, WITHOUT
from tests.workflow.conftest import surroundings
from transient_ridge.artefacts import tables
from transient_ridge.artefacts.provenance import read_beside
from transient_ridge.artefacts.trace import state_of_code
from transient_ridge.training.checkpoints import Checkpoints

#: Measurements get nearly all of the time, so that a slow machine leaves none out.
REHEARSAL = """
import benchmarks.gpu_run.__main__ as gpu_run
gpu_run.MEASURING, gpu_run.TIMING = 0.999, 0.0
asked = "--minutes 120 --small --device cpu --checkpoints 12 --workers 2 --engines eager graph"
gpu_run.main([*asked.split(), "--out", {out!r}])
"""
RESULTS = "results/paper-partial-small"
#: The rules that need weights, which have been deleted.
NEEDS_WEIGHTS = {"train", "evaluate", "llc", "spectrum", "ridge_on_tasks"}


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu") / "out"
    code = WITHOUT.format(absent=ABSENT) + REHEARSAL.format(out=str(folder))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    return folder


def snakemake(folder, *arguments):
    command = [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile"),
        "--directory", str(folder),
        "--cores", "2", *arguments, "--configfile", f"{RESULTS}/paper-partial-small.yaml",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=folder, env=surroundings(), text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.slow
def test_a_parcel_from_a_gpu_becomes_results(brought, tmp_path, monkeypatch):
    files = list(brought.iterdir())
    assert len(files) <= 8
    assert all(path.stat().st_size < 16 << 20 for path in files)
    facts = json.loads((brought / "run.json").read_text())
    assert facts["left_out"] == []
    assert facts["environment"]["packages"]["pyarrow"] is not None  # installed, but not needed

    monkeypatch.chdir(tmp_path)
    file = Home(brought).unpack()
    assert str(file) == f"{RESULTS}/paper-partial-small.yaml"
    folders = sorted((tmp_path / RESULTS / "base" / "runs").iterdir())
    assert len(folders) == 8
    steps = facts["config"]["training"]["steps"]
    for table in ("training", "losses", "distances", "outputs", "spectrum", "quadratic_llc"):
        frame = tables.read_all([folder / f"{table}.parquet" for folder in folders], table)
        assert frame["task_diversity"].max() == math.inf
    llc = tables.read_all([folder / "llc" / "0.parquet" for folder in folders], "llc")
    assert set(llc["step"]) == {steps}
    kept = Checkpoints.of_run(folders[0])
    assert kept.steps == [steps]
    assert kept.model(steps)

    record = read_beside(folders[0] / "losses.parquet")
    assert record["device"] == "cpu"
    assert record["run"] == folders[0].name
    assert {item["file"] for item in record["brought"]} == {p.name for p in files}
    assert record["settings"]["training"]["steps"] == steps
    assert state_of_code(folders[0] / "losses.parquet") != "unknown"

    with pytest.raises(ParcelError, match="is there already"):
        Home(brought).unpack()
    plan = snakemake(tmp_path, "-n", "all")
    rules = {
        line.split()[0]
        for line in plan.splitlines()
        if line[:1].isalpha() and line.split()[1:2] == ["1"]
    }
    assert {"joint_pca", "claims", "figure_figure1"} <= rules
    assert not rules & NEEDS_WEIGHTS
    wanted = [f"{RESULTS}/base/claims.md", f"{RESULTS}/base/figures/figure1.png"]
    snakemake(tmp_path, *wanted)
    assert all((tmp_path / each).exists() for each in wanted)


@pytest.mark.slow
def test_parcels_of_other_code_or_with_failures_are_refused(brought, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Home(brought)
    made.parcel.facts["code"]["training.train"] = "0123456789abcdef"
    with pytest.raises(ParcelError, match=r"other code than is here \(training\.train\)"):
        made.unpack()
    assert made.unpack(other_code=True).exists()
    facts = json.loads((brought / "run.json").read_text())
    (brought / "run.json").write_text(json.dumps(facts | {"fault": "out of memory"}))
    with pytest.raises(ParcelError, match="out of memory"):
        Home(brought)
