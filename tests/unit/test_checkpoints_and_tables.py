"""Artefacts on disk are complete or absent, checked when read, and carry their origin."""

import errno
import math
import os
import pickle

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from transient_ridge.artefacts import tables
from transient_ridge.artefacts.files import complete_file
from transient_ridge.artefacts.locks import handover_requested, hold, only_writer
from transient_ridge.artefacts.provenance import collect, read_beside, settings_hash
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.errors import CheckpointError, StorageError, TableError
from transient_ridge.training import checkpoints
from transient_ridge.training.checkpoints import Checkpoints

TRAINED_BY = trained_by(presets.load("smoke"))
SETTINGS = TRAINED_BY.stated()


@pytest.fixture
def folder(tmp_path):
    weights = tmp_path / "weights"
    weights.mkdir()
    for step in (0, 10):
        checkpoints.save(weights, step, {"a": torch.full((3, 2), float(step)), "b": torch.ones(1)})
    checkpoints.write_manifest(tmp_path / "manifest.json", weights, [0, 10], collect(SETTINGS))
    return tmp_path


def read(folder, trained_by=TRAINED_BY):
    return Checkpoints(folder / "manifest.json", folder / "weights", trained_by)


def test_round_trip(folder):
    kept = read(folder)
    assert kept.steps == [0, 10]
    assert torch.equal(kept.load(10)["a"], torch.full((3, 2), 10.0))


def test_truncated_altered_swapped_and_missing_files_are_named(folder):
    first, second = (folder / "weights" / checkpoints.file_name(step) for step in (0, 10))
    whole = second.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), first.read_bytes(), b""):
        second.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"step-00000010.*truncated or altered.*delete"):
            read(folder).load(10)
    second.unlink()
    with pytest.raises(CheckpointError, match=r"step-00000010.*missing"):
        read(folder).load(10)
    assert read(folder).load(0)


def test_a_pickle_in_a_checkpoints_place_is_not_executed(folder, tmp_path):
    class Malicious:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'executed')!r}, 'w')",))

    path = folder / "weights" / checkpoints.file_name(10)
    path.write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(CheckpointError, match="altered"):
        read(folder).load(10)
    assert not (tmp_path / "executed").exists()


def test_a_step_without_checkpoint_is_named(folder):
    with pytest.raises(CheckpointError, match=r"no checkpoint at step 5, only \[0, 10\]"):
        read(folder).load(5)


def test_checkpoints_of_another_configuration_are_refused(folder):
    with pytest.raises(CheckpointError, match=r"model\.layers: 2 there, 3 here"):
        read(folder, TRAINED_BY.changed(model=TRAINED_BY.model.changed(layers=3)))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": {}}'])
def test_an_unreadable_manifest_is_named(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"manifest\.json: (unreadable|truncated)"):
        read(folder)


def test_a_failure_leaves_the_old_file_and_no_partial_one(tmp_path):
    path = tmp_path / "deep" / "file"
    with complete_file(path) as partial:
        partial.write_text("old")

    def fail_half_way():
        with complete_file(path) as partial:
            partial.write_text("half of the n")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(
        StorageError, match=r"deep/file: cannot be written, the disk is full; free space"
    ):
        fail_half_way()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_the_next_write_removes_what_a_kill_left(tmp_path):
    leftover = tmp_path / ".file.12345.partial"
    leftover.write_text("half")
    with complete_file(tmp_path / "file") as partial:
        partial.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_refusals_of_a_file_system_are_recognised_inside_other_errors(tmp_path, number):
    def refused():
        with complete_file(tmp_path / "file"):
            raise RuntimeError(f"I/O error: {os.strerror(number)} (os error {number})")

    with pytest.raises(StorageError, match="what is finished is kept"):
        refused()


def test_a_lock_ends_with_its_holder_and_leaves_nothing(tmp_path):
    lock = tmp_path / "lock"
    with only_writer(lock, 0) as waited:
        assert not waited
        with pytest.raises(StorageError, match="another Snakemake"):
            hold(lock)
        with pytest.raises(StorageError, match="another process"), only_writer(lock, 0.3):
            pass
        assert handover_requested(lock)
    with only_writer(lock, 0) as waited:
        assert not waited
    assert list(tmp_path.iterdir()) == []


def curve(diversities=(4, math.inf)):
    rows = Rows("training")
    for M in diversities:
        rows.add(
            task_diversity=M, seed=0, step=50, loss=1.0, gradient_norm=0.1, rate_factor=1.0
        )  # fmt: skip
    return rows


def test_tables_keep_values_types_and_provenance(tmp_path):
    path = tmp_path / "t.parquet"
    curve().save(path, collect(SETTINGS, device="cpu"))
    on_disk = pq.read_table(path)
    assert on_disk["task_diversity"].to_pylist() == [4, None]
    assert on_disk.schema.field("step").type == pa.int64()
    assert on_disk.schema.field("loss").type == pa.float64()
    frame = tables.read(path, "training")
    assert frame["task_diversity"].tolist() == [4.0, math.inf]
    pd.testing.assert_frame_equal(frame, curve().frame())
    record = tables.provenance(path)
    assert record["settings_hash"] == settings_hash(SETTINGS)
    assert "packages" not in record
    beside = read_beside(path)
    assert beside["packages"]["torch"].startswith("2.")
    assert beside["device"] == "cpu"


def test_a_frame_becomes_the_rows_that_it_was_read_from(tmp_path):
    frame = curve((1, math.inf, 8)).frame()
    pd.testing.assert_frame_equal(Rows.of("training", frame).frame(), frame)


def test_wrong_columns_and_damaged_tables_are_named(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(KeyError, match="task_diversity"):
        Rows("training").add(loss=1.0)
    with pytest.raises(TableError, match=r"t\.parquet"):
        tables.read(path, "training")
    curve().save(path, {})
    with pytest.raises(TableError, match="expected the columns of 'losses'"):
        tables.read(path, "losses")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"t\.parquet: truncated or altered"):
        tables.read(path, "training")


@pytest.mark.parametrize("table", TABLES)
def test_every_table_can_be_written_empty(table, tmp_path):
    path = tmp_path / "empty.parquet"
    Rows(table).save(path, {})
    assert tables.read(path, table).empty
    assert tables.read_all([], table).columns.tolist() == list(TABLES[table].columns)
    assert all(field.metadata[b"meaning"] for field in pq.read_schema(path))
