"""Results and rules elsewhere: packed and unpacked, and used as a module of another workflow."""

import shutil
import subprocess
import sys

import pytest
import yaml

from tests.conftest import ROOT
from tests.workflow.conftest import Project, checkout, tiny_config

pytestmark = pytest.mark.workflow


def command(project, *words):
    subprocess.run(
        [sys.executable, "-m", "transient_ridge", *words], cwd=project.root, check=True,
        env={"PYTHONPATH": str(project.root / "src"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path) -> Project:
    """A fresh checkout."""
    return checkout(tmp_path / "elsewhere")


def test_unpacked_results_are_accepted_as_done(project, elsewhere, tmp_path):
    archive = str(tmp_path / "tiny.tar.gz")
    command(project, "pack", "results/tiny", archive, "--weights")
    command(elsewhere, "unpack", archive)
    assert elsewhere.stale() == set()
    config = elsewhere.config
    config["llc"]["n_beta"] = 77
    elsewhere.configure(config)
    stale = elsewhere.stale()
    assert {job for job in stale if job.startswith("llc:")}
    assert not {job for job in stale if job.startswith(("train", "evaluate"))}


def test_hidden_files_beside_modules_are_not_entries(elsewhere):
    """macOS puts such files beside every file on a foreign file system."""
    package = elsewhere.root / "src" / "transient_ridge"
    for folder in ("regression/predictors", "figures/curves", "training/optimisers"):
        (package / folder / "._sgd.py").write_bytes(b"\x00\x05\x16\x07\xff")
    assert elsewhere.stale()


def test_storage_plugins_are_refused_by_name(elsewhere, tmp_path):
    there = [
        "--default-storage-provider",
        "fs",
        "--default-storage-prefix",
        str(tmp_path / "there"),
    ]
    done = elsewhere.snakemake("-n", *there, check=False)
    assert done.returncode != 0
    assert "--default-storage-provider: storage plugins are not supported" in done.stdout


def test_records_are_deleted_with_their_results(project):
    results = project.root / "results"
    project.snakemake("--delete-all-output", "-n")
    assert len(list(results.rglob("*.provenance.json"))) > 50
    project.snakemake("--delete-all-output")
    assert list(results.rglob("*.json")) == []


CALLER = """
module transient_ridge:
    snakefile:
        "{root}/workflow/Snakefile"
    config:
        config


use rule * from transient_ridge as icl_*


rule mine:
    input:
        "results/tiny/base/tables/claims.parquet",
    output:
        "mine.txt",
    default_target: True
    shell:
        "echo {{input}} > {{output}}"
"""


def caller(folder, config, *words):
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(CALLER.format(root=ROOT))
    (folder / "mine.yaml").write_text(yaml.safe_dump(config))
    words = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "mine.yaml", *words]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


def test_another_workflow_plans_it_as_a_module(tmp_path):
    done = caller(tmp_path / "caller", tiny_config(), "-n")
    assert done.returncode == 0, done.stderr
    assert "rule icl_train" in done.stdout
    assert "rule mine" in done.stdout


def test_a_modules_config_without_its_sections_is_refused_by_name(tmp_path):
    done = caller(tmp_path / "caller", {"preset": "mine", "grid": {"seeds": [0]}}, "-n")
    assert done.returncode != 0
    for missing in ("training: missing", "llc: missing", "grid.task_diversities: missing"):
        assert missing in done.stderr + done.stdout


@pytest.mark.ci
@pytest.mark.slow
def test_another_workflow_runs_it_as_a_module(tmp_path):
    done = caller(tmp_path / "caller", tiny_config())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "caller/mine.txt").read_text() == "results/tiny/base/tables/claims.parquet\n"


def test_rules_without_the_package_beside_them_need_it_installed(elsewhere):
    """As in Snakemake's cache of files that it has fetched from a repository."""
    shutil.move(elsewhere.root / "src", elsewhere.root / "another")
    code = "import importlib.util, sys; sys.exit(bool(importlib.util.find_spec('transient_ridge')))"
    installed = subprocess.run([sys.executable, "-c", code], cwd="/", env={}, check=False)
    done = elsewhere.snakemake("-n", check=False)
    if installed.returncode:
        assert done.returncode == 0, done.stdout
    else:
        assert "no package transient_ridge beside the workflow; clone" in done.stdout
    done = elsewhere.snakemake("-n", PYTHONPATH=str(elsewhere.root / "another"))
    assert "rule train" in done.stdout


def test_a_folder_with_braces_in_its_name_is_refused_by_name(tmp_path):
    done = checkout(tmp_path / "a {run}").snakemake("-n", check=False)
    assert "a {run}/workflow/rules: braces in the path of the workflow" in done.stdout
