"""Archives of results: verified before anything is written, refused by name."""

import base64
import json
import os
import shutil
import tarfile

import pytest

from tests.conftest import configured
from transient_ridge import places
from transient_ridge.artefacts import archive, fingerprints
from transient_ridge.errors import ArchiveError, TableError

RESULT = "results/mine/base/tables/claims.parquet"
FOLDER = "results/mine/base/runs/M1-seed0"
RUN = (f"{FOLDER}/training.parquet", f"{FOLDER}/checkpoints.json")
WEIGHTS = f"{FOLDER}/checkpoints/step.safetensors"
#: The files in an archive without weights.
FILES = ("results/mine/config.yaml", RESULT, *RUN)


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A folder with results and Snakemake's record of one, packed without weights."""
    here = tmp_path / "here"
    for name in (RESULT, *RUN, WEIGHTS):
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    configured(here / "results/mine", ["M1-seed0"])
    (here / "results/mine/base/logs").mkdir()
    (here / "results/mine/base/logs/train.log").write_text("")
    for name in (RESULT, "results/other/file"):
        record = here / archive.RECORDS / base64.urlsafe_b64encode(name.encode()).decode()
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"of": name}))
    monkeypatch.chdir(here)
    file = tmp_path / "mine.tar.gz"
    assert archive.pack(archive.Path("results/mine"), file) == len(FILES)
    there = tmp_path / "there"
    there.mkdir()
    monkeypatch.chdir(there)
    return file


def test_results_come_with_their_times_and_records(packed, tmp_path):
    assert archive.unpack(packed) == archive.Path("results/mine")
    files = sorted(
        str(p.relative_to(p.cwd())) for p in archive.Path.cwd().rglob("*") if p.is_file()
    )
    record = archive.RECORDS / base64.urlsafe_b64encode(RESULT.encode()).decode()
    assert files == sorted([*FILES, str(record)])
    before, after = (folder / RESULT for folder in (tmp_path / "here", tmp_path / "there"))
    assert after.read_text() == before.read_text()
    assert abs(after.stat().st_mtime - before.stat().st_mtime) < 1


def test_weights_come_on_request(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    assert archive.pack(archive.Path("results/mine"), packed, weights=True) == 1 + len(FILES)


@pytest.mark.parametrize("kept", [0, 10, 0.5, -5])
def test_a_truncated_archive_is_refused(packed, kept, tmp_path):
    content = packed.read_bytes()
    packed.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(ArchiveError, match=r"mine\.tar\.gz: "):
        archive.unpack(packed)
    assert list((tmp_path / "there").iterdir()) == []


def rewritten(packed, change):
    """The archive with its members (name -> bytes) changed."""
    with tarfile.open(packed) as tar:
        members = {each.name: tar.extractfile(each).read() for each in tar.getmembers()}
    change(members)
    with tarfile.open(packed, "w:gz") as tar:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            tar.addfile(header, archive.BytesIO(content))


def test_an_altered_missing_or_added_file_is_named(packed, tmp_path):
    whole = packed.read_bytes()
    for change, message in (
        (lambda members: members.update({RESULT: b"better"}), f"{RESULT} was altered"),
        (lambda members: members.pop(RESULT), "1 files are missing"),
        (lambda members: members.update({"../outside": b"x"}), r"\.\./outside was altered"),
    ):
        packed.write_bytes(whole)
        rewritten(packed, change)
        with pytest.raises(ArchiveError, match=message):
            archive.unpack(packed)
    assert list((tmp_path / "there").iterdir()) == []


def test_existing_results_are_not_overwritten(packed):
    archive.unpack(packed)
    with pytest.raises(ArchiveError, match="results/mine exists already"):
        archive.unpack(packed)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that may be edited; fingerprints are taken from it."""
    copy = shutil.copytree(fingerprints.PACKAGE, tmp_path / "transient_ridge")
    monkeypatch.setattr(places, "PACKAGE", copy)
    fingerprints.fingerprint.cache_clear()
    yield copy
    fingerprints.fingerprint.cache_clear()


@pytest.mark.parametrize(
    ("module", "named"),
    [
        ("analysis/joint_pca", r"\(analysis\.joint_pca, analysis\.pca_robustness\)"),
        ("training/optimisers/muon", r"\(training\.optimisers\.muon\)"),
        ("training/schedules/one_cycle", None),  # not chosen by the configuration
    ],
)
def test_other_code_is_named_and_can_be_accepted(packed, package, module, named):
    path = package / f"{module}.py"
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    if named:
        with pytest.raises(ArchiveError, match=f"other code than the code here {named}"):
            archive.unpack(packed)
    assert archive.unpack(packed, other_code=bool(named)).exists()


def test_missing_code_is_named(packed, package):
    (package / "training/optimisers/muon.py").unlink()
    with pytest.raises(ArchiveError, match=r"here \(training\.optimisers\.muon\)"):
        archive.unpack(packed)


def test_results_that_cannot_be_packed_are_named(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(TableError, match="results/yours: not a results folder"):
        archive.pack(archive.Path("results/yours"), packed)
    with pytest.raises(ArchiveError, match=r"\.\./there: not below the working directory"):
        archive.pack(tmp_path / "there", packed)


def unpacked(packed, tmp_path, *, weights):
    """The files that appear elsewhere after packing again here and unpacking there."""
    there = tmp_path / "again"
    there.mkdir()
    archive.pack(archive.Path("results/mine"), packed, weights=weights)
    os.chdir(there)
    archive.unpack(packed)
    return {str(p.relative_to(there)) for p in (there / "results").rglob("*") if p.is_file()}


def test_links_are_followed(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    shutil.move("results/mine/base/runs", tmp_path / "moved")
    archive.Path("results/mine/base/runs").symlink_to(tmp_path / "moved")
    os.link(WEIGHTS, f"{FOLDER}/checkpoints/again.safetensors")
    files = unpacked(packed, tmp_path, weights=True)
    assert files == {*FILES, WEIGHTS, f"{FOLDER}/checkpoints/again.safetensors"}


def test_a_missing_run_is_named(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    shutil.rmtree(f"{FOLDER}/checkpoints")
    assert archive.pack(archive.Path("results/mine"), packed) == len(FILES)
    with pytest.raises(ArchiveError, match=f"{FOLDER}/checkpoints: missing.*keep_weights: true"):
        archive.pack(archive.Path("results/mine"), packed, weights=True)
    shutil.rmtree("results/mine/base/runs")
    with pytest.raises(ArchiveError, match=r"missing, and 1 more"):
        archive.pack(archive.Path("results/mine"), packed)


def test_leftovers_of_another_configuration_are_not_packed(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    shutil.copytree(FOLDER, "results/mine/base/runs/M1-seed1")
    assert unpacked(packed, tmp_path, weights=False) == set(FILES)
