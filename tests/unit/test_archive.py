"""Archives of results: verified before anything is written, refused by name."""

import base64
import json
import tarfile

import pytest

from transient_ridge.artefacts import archive
from transient_ridge.errors import ArchiveError

RESULT = "results/mine/base/tables/claims.parquet"


@pytest.fixture
def packed(tmp_path, monkeypatch):
    """A folder with results and Snakemake's record of one, packed without weights."""
    here = tmp_path / "here"
    for name in (RESULT, "results/mine/base/runs/M1-seed0/checkpoints/step.safetensors"):
        path = here / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    (here / "results/mine/base/logs").mkdir()
    (here / "results/mine/base/logs/train.log").write_text("")
    for name in (RESULT, "results/other/file"):
        record = here / archive.RECORDS / base64.urlsafe_b64encode(name.encode()).decode()
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"of": name}))
    monkeypatch.chdir(here)
    file = tmp_path / "mine.tar.gz"
    assert archive.pack(archive.Path("results/mine"), file) == 1
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
    assert files == sorted([RESULT, str(record)])
    before, after = (folder / RESULT for folder in (tmp_path / "here", tmp_path / "there"))
    assert after.read_text() == before.read_text()
    assert abs(after.stat().st_mtime - before.stat().st_mtime) < 1


def test_weights_come_on_request(packed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "here")
    assert archive.pack(archive.Path("results/mine"), packed, weights=True) == 2


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


def test_results_that_are_there_are_not_overwritten(packed):
    archive.unpack(packed)
    with pytest.raises(ArchiveError, match="results/mine is there already"):
        archive.unpack(packed)


def test_other_code_is_named_and_can_be_accepted(packed, monkeypatch):
    monkeypatch.setattr(archive, "fingerprint", lambda stage: "new" if "pca" in stage else "old")
    monkeypatch.setattr(archive, "stages", lambda: ["analysis.joint_pca"])

    def older(members):
        manifest = json.loads(members["manifest.json"])
        manifest["code"] = {"analysis.joint_pca": "made", "analysis.curves": "old"}
        members["manifest.json"] = json.dumps(manifest).encode()

    rewritten(packed, older)
    with pytest.raises(ArchiveError, match=r"other code than is here \(analysis\.joint_pca, "):
        archive.unpack(packed)
    assert archive.unpack(packed, other_code=True).exists()


def test_nothing_to_pack_is_told(tmp_path):
    with pytest.raises(ArchiveError, match="nothing to pack"):
        archive.pack(tmp_path / "results", tmp_path / "file")
