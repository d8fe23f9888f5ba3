"""The whole graph, and its failures."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.workflow.conftest import NOTHING_TO_SHOW, surroundings
from transient_ridge.artefacts import provenance, tables
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.artefacts.layout import TAKEN

pytestmark = pytest.mark.workflow


#: Tables that are empty, because runs of 60 steps have no row of the curve yet and are never between their predictors.
EMPTY = ("training", "accounts", "account_points")


def test_every_artefact_is_made_and_records_its_origin(finished):
    results = finished.root / "results" / "tiny"
    base = results / "base"
    for figure, entry in catalogue().items():
        if entry.on_request or entry.of_preset:  # there is one variant
            continue
        if figure in NOTHING_TO_SHOW:
            assert not (base / "figures" / f"{figure}.png").exists()
            continue
        assert (base / "figures" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
        svg = (base / "figures" / f"{figure}.svg").read_text()
        assert "settings_hash" in svg
    for table in base.rglob("*.parquet"):
        record = tables.provenance(table)
        assert record["settings_hash"]
        assert provenance.read_beside(table)["packages"]["numpy"]
        name = pq.read_schema(table).metadata[b"table"].decode()
        assert len(tables.read(table, name)) or name in EMPTY
    manifest = json.loads((base / "runs" / "M4-seed0" / "checkpoints.json").read_text())
    assert manifest["provenance"]["settings"]["training"]["steps"] == 60
    assert not (base / "scratch").exists() or not any((base / "scratch").iterdir())
    page = (results / "status").read_text()
    assert re.search(r"^(\d+) of \1 jobs done  ━", page, re.MULTILINE)


def test_no_variant_can_have_a_name_that_the_workflow_uses(finished):
    results = finished.root / "results" / "tiny"
    made = [
        *results.iterdir(),
        *(results / "base").iterdir(),
        *results.glob("base/runs/M4-seed0/c*/"),
    ]
    assert {path.name for path in made if "." not in path.name} - {"base"} <= TAKEN


@pytest.mark.ci
@pytest.mark.slow
def test_a_second_run_elsewhere_gives_the_same_numbers(finished, tmp_path):
    again = tmp_path / "again"
    shutil.copytree(finished.root, again, ignore=shutil.ignore_patterns("results", ".snakemake"))
    other = type(finished)(again)
    other.snakemake()
    compared = 0
    for table in (finished.root / "results").rglob("*.parquet"):
        twin = again / table.relative_to(finished.root)
        name = pq.read_schema(table).metadata[b"table"].decode()
        pd.testing.assert_frame_equal(
            tables.read(table, name), tables.read(twin, name), check_exact=True
        )
        compared += 1
    assert compared > 10


@pytest.mark.slow
def test_weights_that_are_not_kept_are_deleted_after_evaluation(finished, tmp_path):
    root = tmp_path / "temporary"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    other = type(finished)(root)
    other.configure(other.config | {"keep_weights": False})
    other.snakemake("evaluate_all")
    run = root / "results/tiny/base/runs/M4-seed0"
    assert (run / "losses.parquet").exists()
    assert (run / "checkpoints.json").exists()
    assert not (run / "checkpoints").exists()
    assert other.stale("evaluate_all") == set()


@pytest.mark.slow
def test_stacked_runs_stay_separate_jobs(finished, tmp_path):
    root = tmp_path / "stacked"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    other = type(finished)(root)
    config = other.config
    config["compute"]["stack"] = 2
    other.configure(config)
    log = other.snakemake("train_all", "--cores", "1").stdout
    assert log.count("rule train:") == 2
    runs = root / "results/tiny/base/runs"
    records = [
        provenance.read_beside(runs / name / "checkpoints.json")
        for name in ("M1-seed0", "M4-seed0")
    ]
    assert [record["stacked"] for record in records] == [2, 2]
    assert other.stale("train_all") == set()
    config["grid"]["task_diversities"] = [1, 4, "inf"]
    other.configure(config)
    assert other.stale("train_all") == {"train:Minf-seed0", "train_all"}


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"grid": {"task_diversities": [0]}, "training": {"stepz": 3}},
            (
                "grid.task_diversities[0] = 0: must be an integer >= 1",
                "training.stepz = 3: unknown key; did you mean 'steps'?",
            ),
        ),
        # Keys are checked for contradictions once each of them is valid by itself.
        ({"model": {"heads": 3}}, ("model.heads = 3: must divide model.d_model = 16",)),
    ],
)
def test_a_bad_configuration_stops_everything_at_once(project, changes, messages):
    config = project.config
    for section, values in changes.items():
        config[section] |= values
    project.configure(config)
    done = project.snakemake(check=False)
    assert done.returncode != 0
    for message in messages:
        assert message in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.slow
def test_cuda_without_a_gpu_is_reported_and_costs_nothing(project):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    config = project.config
    config["compute"]["device"] = "cuda"
    config["grid"]["seeds"] = [0, 1]
    project.configure(config)
    done = project.snakemake("train_all", check=False)
    assert done.returncode != 0
    assert "compute.device = cuda: torch sees no CUDA device here" in done.stdout
    assert (project.root / "results/tiny/base/runs/M4-seed0/losses.parquet").exists()


def test_a_results_folder_of_another_preset_is_refused(project):
    shutil.move(project.root / "results" / "tiny", project.root / "results" / "mine")
    done = project.snakemake("--config", "preset=mine", check=False)
    assert done.returncode != 0
    assert "written by preset = tiny, and this is preset = mine" in done.stdout


def test_a_damaged_checkpoint_is_named_and_finished_work_stays(project):
    runs = project.root / "results/tiny/base/runs"
    checkpoint = runs / "M4-seed0/checkpoints/step-00000060.safetensors"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-4])
    config = project.config
    config["evaluation"]["sequences"] = 100
    project.configure(config)
    done = project.snakemake("--keep-going", "evaluate_all", check=False)
    assert done.returncode != 0
    assert "step-00000060.safetensors: truncated or altered" in done.stdout
    assert (runs / "M1-seed0/losses.parquet").exists()
    assert not (runs / "M4-seed0/losses.parquet").exists()


@pytest.mark.ci
@pytest.mark.slow
def test_a_killed_snakemake_resumes_where_it_was(finished, tmp_path):
    root = tmp_path / "killed"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    other = type(finished)(root)
    config = other.config
    config["training"]["steps"] = 4000
    config["checkpoints"]["linear_every"] = 1000
    config["compute"]["state_seconds"] = 0.2
    config["grid"]["task_diversities"] = [4]
    other.configure(config)
    command = [
        sys.executable, "-m", "snakemake", "train_all", "--cores", "1", "--configfile", "tiny.yaml",
    ]  # fmt: skip
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=root, env=surroundings(), stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    states = "results/tiny/base/scratch/*/state.safetensors"
    while not list(root.glob(states)):
        assert process.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.05)
    # Snakemake dies without telling its job, which continues until it is killed too.
    process.kill()
    process.wait()
    os.killpg(process.pid, signal.SIGKILL)
    assert list(root.glob(states))
    assert "unlock" in other.snakemake("train_all", check=False).stdout
    other.snakemake("--unlock")
    other.snakemake("train_all", "--rerun-incomplete")
    log = (root / "results/tiny/base/logs/train/M4-seed0.log").read_text()
    assert "4000/4000" in log
    manifest = json.loads((root / "results/tiny/base/runs/M4-seed0/checkpoints.json").read_text())
    assert sorted(map(int, manifest["sha256"])) == [0, 1, 15, 251, 1000, 2000, 3000, 4000]


def test_values_on_the_command_line(project):
    """As typed: a JSON value replaces part of a section, numbers included."""
    planned = project.snakemake("-n", "--config", 'pca={"components":3}').stdout
    assert "rule joint_pca" in planned
    done = project.snakemake("-n", "--config", 'pca={"components":"three"}', check=False)
    assert "pca.components = 'three': must be an integer >= 1" in done.stdout


@pytest.mark.slow
def test_a_run_without_llc_goes_through_the_whole_graph(finished, tmp_path):
    root = tmp_path / "without"
    shutil.copytree(finished.root, root)
    other = type(finished)(root)
    config = other.config
    config["llc"]["steps"] = []
    # Otherwise another reason comes first.
    config["grid"]["task_diversities"] = [1, 4, "inf"]
    config["claims"]["converged"] = 1.0
    other.configure(config)
    other.snakemake()
    base = root / "results/tiny/base"
    assert tables.read(base / "tables/llc.parquet", "llc").empty
    assert "not measured: the table llc is empty" in (base / "claims.md").read_text()
    assert other.stale() == set()


RUNNING_MEAN = '''"""The mean of the outputs so far."""

import torch

LABEL = "running mean"
MARKER = "P"
OF_TASK_SET = False


def predict(x, y, tasks, noise_variance):
    """The mean of the earlier y, and 0 for the first."""
    earlier = torch.arange(y.shape[-1], device=y.device).clamp(min=1)
    return (y.cumsum(dim=-1) - y) / earlier
'''


@pytest.mark.ci
@pytest.mark.slow
def test_a_third_predictor_is_one_file(finished, tmp_path):
    """A file in the registry and a name in the configuration add it to tables, PCA, figures and explorer."""
    root = tmp_path / "third"
    shutil.copytree(finished.root, root)
    other = type(finished)(root)
    (root / "src/transient_ridge/regression/predictors/running_mean.py").write_text(RUNNING_MEAN)
    config = other.config
    config["evaluation"]["predictors"] = ["ridge", "dmmse", "running_mean"]
    other.configure(config)
    assert not {job for job in other.stale() if job.startswith(("train", "llc"))}
    base = "results/tiny/base"
    wanted = ("figures/figure1.svg", "figures/figure3.svg", "explorer.html", "claims.md")
    other.snakemake(*(f"{base}/{name}" for name in wanted))
    distances = tables.read(root / base / "runs/M4-seed0/distances.parquet", "distances")
    assert set(distances["predictor"]) == {"ridge", "dmmse", "running_mean"}
    points = tables.read(root / base / "tables/pca_idealised.parquet", "pca_idealised")
    assert set(points["predictor"]) == {"ridge", "dmmse", "running_mean"}
    for name in ("figure1", "figure3"):
        assert ">running mean<" in (root / base / f"figures/{name}.svg").read_text()
    assert "running mean" not in (finished.root / base / "figures/figure1.svg").read_text()
