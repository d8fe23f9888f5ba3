"""A results folder as a Workflow Run RO-Crate, read back by the library."""

import hashlib

import pytest

from tests.conftest import configured
from tests.unit import world_tables
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import TableError
from transient_ridge.report.ro_crate import PROFILES, write_crate

rocrate = pytest.importorskip("rocrate.rocrate", reason="pip install -e '.[dev]'")


@pytest.fixture
def results(tmp_path):
    """A folder with a table, a page and a leftover."""
    results = tmp_path / "tiny"
    configured(results, ["M16-seed0", "Minf-seed0"])
    phases = world_tables.tables(grid=(16, float("inf")), seeds=(0,))["relative_distances"]
    Rows.of("relative_distances", phases).save(
        results / "base/tables/relative_distances.parquet", {}
    )
    (results / "base" / "claims.md").write_text("met")
    (results / "README.md").write_text("# Tables")
    (results / "base" / "tables" / "of_old_code.parquet").write_bytes(b"?")
    (results / "base" / "logs").mkdir()
    (results / "base" / "logs" / "train.log").write_text("...")
    return results


def test_the_crate_is_a_workflow_run_crate(results):
    assert write_crate(results) == 3
    crate = rocrate.ROCrate(results)
    assert {each.id for each in crate.root_dataset["conformsTo"]} >= set(PROFILES)
    workflow = crate.mainEntity
    assert workflow.id == "workflow/Snakefile"
    assert "ComputationalWorkflow" in workflow.type
    assert workflow["programmingLanguage"].id.endswith("#snakemake")
    action = crate.root_dataset["mentions"]
    assert action.type == "CreateAction"
    assert action["instrument"] is workflow
    assert action["object"].id == "config.yaml"
    made = {each.id: each for each in action["result"]}
    assert set(made) == {"README.md", "base/tables/relative_distances.parquet", "base/claims.md"}
    assert made["README.md"]["about"] is crate.root_dataset
    for each, entity in made.items():
        assert entity["sha256"] == hashlib.sha256((results / each).read_bytes()).hexdigest()
    assert all((results / part.id).exists() for part in crate.data_entities)


def test_it_is_the_same_when_written_again(results):
    write_crate(results)
    assert write_crate(results) == 3


def test_a_folder_without_results_is_refused(tmp_path):
    configured(tmp_path / "empty", ["M16-seed0"])
    with pytest.raises(TableError, match="no results yet"):
        write_crate(tmp_path / "empty")
