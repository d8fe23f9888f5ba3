"""A results folder holds what its configuration asks for; anything else is named and skipped."""

import shutil

import pytest

from tests.conftest import configured
from tests.unit.test_publication import training
from transient_ridge.artefacts import provenance
from transient_ridge.artefacts.contents import Contents, read_variant, remove_orphaned_records
from transient_ridge.artefacts.locks import hold
from transient_ridge.artefacts.publication import publish
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import StorageError, TableError, TransientRidgeError
from transient_ridge.report.commands import COMMANDS
from transient_ridge.report.summary import summary

SEEDS = ("M4-seed0", "M4-seed1")


@pytest.fixture
def results(tmp_path):
    """A finished grid of two seeds that was then cut to one."""
    root = tmp_path / "results" / "smoke"
    for seed, run in enumerate(SEEDS):
        record = provenance.collect({}, run=run, device="cpu")
        rows = training(4, 0.5)
        rows.columns["seed"] = [seed]
        rows.save(root / "base" / "runs" / run / "training.parquet", record)
        (root / "base" / "logs" / "train").mkdir(parents=True, exist_ok=True)
        (root / "base" / "logs" / "train" / f"{run}.log").write_text("")
    Rows("thresholds").save(root / "base/tables/thresholds.parquet", provenance.collect({}))
    (root / "base/claims.md").write_text("")
    configured(root, SEEDS[:1])
    return root


def files_in(results):
    return {str(path.relative_to(results)) for path in results.rglob("*") if path.is_file()}


def make(results, *names):
    for name in names:
        path = results / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


LEFT = {
    "base/runs/M4-seed1/training.parquet",
    "base/runs/M4-seed1/training.parquet.provenance.json",
    "base/logs/train/M4-seed1.log",
}


def test_tables_have_the_runs_that_the_configuration_asks_for(results, tmp_path):
    assert read_variant(results / "base")["training"]["seed"].tolist() == [0]
    publish(results, tmp_path / "kept")
    assert read_variant(tmp_path / "kept")["training"]["seed"].tolist() == [0]
    configured(results, SEEDS)
    assert read_variant(results / "base")["training"]["seed"].tolist() == [0, 1]


def test_a_relative_folder_and_one_without_a_configuration_are_read(results, monkeypatch):
    monkeypatch.chdir(results / "base")
    assert read_variant(".")["training"]["seed"].tolist() == [0]
    (results / "config.yaml").unlink()
    assert read_variant(".")["training"]["seed"].tolist() == [0, 1]


@pytest.mark.parametrize(
    "name",
    [
        "gone/claims.md",
        "gone/tables/thresholds.parquet",
        "variants/tables/front.parquet",
        "root-seeds/claims.md",
        "base/figures/gone.png",
        "base/figures/task_gates.png",  # of task families with `members`
        "variants/figures/front.png",
        "base/tables/gone.parquet",
        "base/runs/M4-seed0/gone.parquet",
        "base/runs/M8-seed0/checkpoints/step-00000000.safetensors",
        "base/runs/M8-seed0/checkpoints.json",
        "base/runs/M4-seed0/llc/99.parquet",
        "base/benchmarks/train/M8-seed0.tsv",
        "base/scratch/M8-seed0-0123456789abcdef/state.safetensors",
        "base/runs/M4-seed1/llc_calibration.parquet",
    ],
)
def test_leftovers(results, name):
    make(results, name)
    contents = Contents(results)
    assert {str(path.relative_to(results)) for path in contents.leftovers()} == LEFT | {name}


def test_current_files_are_not_leftovers(results):
    before = files_in(results)
    make(
        results, "report.html", "status", "README.md", "logs/resolved_config.log", "base/explorer.html",
        "base/figures/figure1.svg", "base/figures/figure1.svg.provenance.json", "base/benchmarks/train/M4-seed0.tsv",
        "base/runs/M4-seed0/llc/0.parquet", "base/runs/M4-seed0/llc_ladder.parquet",
        "base/runs/M4-seed0/checkpoints/step-00000000.safetensors", "base/tables/llc.parquet",
        "base/scratch/M4-seed0-0123456789abcdef/state.safetensors",
    )  # fmt: skip
    found = {str(path.relative_to(results)) for path in Contents(results).leftovers()}
    assert found == LEFT <= before


def test_leftovers_are_removed_and_nothing_else(results, capsys):
    before = files_in(results)
    COMMANDS["leftovers"]([str(results)])
    assert files_in(results) == before
    assert "3 files left over" in capsys.readouterr().out
    COMMANDS["leftovers"]([str(results), "--remove"])
    assert files_in(results) == before - LEFT
    assert not (results / "base/runs/M4-seed1").exists()
    assert Contents(results).remark() == ""


def test_records_of_deleted_files_are_leftovers(results):
    (results / "base/tables/thresholds.parquet").unlink()
    record = "base/tables/thresholds.parquet.provenance.json"
    assert results / record in Contents(results).leftovers()
    before = files_in(results)
    remove_orphaned_records(results)
    assert files_in(results) == before - {record}
    assert not (results / "base/tables").exists()


def test_nothing_is_removed_while_snakemake_is_at_work(results):
    held = hold(results / ".lock")
    with pytest.raises(StorageError, match="another Snakemake"):
        Contents(results).remove_leftovers()
    held.release()
    assert files_in(results) > LEFT


def test_a_remark_names_leftovers_and_the_remedy(results):
    remark = Contents(results).remark()
    assert "M4-seed1.log and 2 more" in remark
    assert "make clean-leftovers PRESET=smoke" in remark


@pytest.mark.parametrize("command", ["summary", "leftovers", "status"])
def test_a_folder_without_results_is_named(tmp_path, command):
    with pytest.raises(TransientRidgeError, match="results/smok: "):
        COMMANDS[command]([str(tmp_path / "results/smok")])


@pytest.mark.parametrize("content", ["", "variants: {base: {}}", "grid: [", "\x00"])
def test_a_damaged_configuration_is_named(results, content):
    (results / "config.yaml").write_text(content)
    with pytest.raises(TableError, match=r"config\.yaml: cannot be read as a configuration"):
        Contents(results)


def test_a_folder_without_tables_is_named(tmp_path, results):
    with pytest.raises(TableError, match="smok/base: no such folder"):
        read_variant(tmp_path / "results/smok/base")
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match="empty: holds no table"):
        read_variant(tmp_path / "empty")
    with pytest.raises(TableError, match="no scorecard yet"):
        summary(Contents(results))
    shutil.copytree(results / "base", results / "gone")
    with pytest.raises(TableError, match="gone: holds no table"):
        read_variant(results / "gone")
