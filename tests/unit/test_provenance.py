"""Records beside results, and the chain behind a figure."""

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

import transient_ridge
from transient_ridge.artefacts import provenance, tables, trace
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import TableError


@pytest.fixture
def chain(tmp_path):
    """Tables of two runs, and one that was made from them."""
    sources = []
    for name in ("M1-seed0", "M4-seed0"):
        path = tmp_path / "runs" / name / "training.parquet"
        record = provenance.collect({"seed": 3, "model": {"layers": 2}}, run=name, device="cpu")
        Rows("training").save(path, record)
        sources.append(path)
    end = tmp_path / "tables" / "pca_variance.parquet"
    Rows("pca_variance").save(end, provenance.collect({"v": 4}, inputs=sources))
    return sources, end


def test_a_record_states_everything_that_made_a_result(chain):
    record = provenance.read_beside(chain[0][1])
    assert record["settings"]["model"]["layers"] == 2
    assert record["seeds"] == {"root": 3, "run": 0}
    for key in ("settings_hash", "git", "packages", "python", "processor", "threads", "sha256"):
        assert record[key], key
    assert record["wall_seconds"] > 0
    assert record["cpu_seconds"] > 0
    assert record["peak_memory_mb"] > 10
    assert record["device"] == "cpu"


def test_peak_memory_is_in_the_units_of_the_system(monkeypatch):
    usage = SimpleNamespace(ru_maxrss=3 << 20)
    for system, expected in (("linux", 3 * 1024), ("darwin", 3)):
        monkeypatch.setattr(provenance.sys, "platform", system)
        assert provenance.peak_memory_mb(usage) == expected


def test_the_file_itself_carries_what_follows_from_the_configuration(chain):
    assert tables.provenance(chain[1])["settings"] == {"v": 4}
    assert set(tables.provenance(chain[0][0])) == set(provenance.LASTING)


def test_another_commit_machine_and_day_give_the_same_bytes(tmp_path, monkeypatch):
    paths = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    for path, commit in zip(paths, ("a" * 40, "b" * 40), strict=True):
        elsewhere = {
            "git": {"commit": commit, "dirty": commit[0] == "b"},
            "python": commit[:3],
            "platform": commit,
            "processor": commit,
            "packages": {"torch": commit},
        }
        monkeypatch.setattr(provenance, "_environment", lambda elsewhere=elsewhere: elsewhere)
        monkeypatch.setenv("OMP_NUM_THREADS", "1" if commit[0] == "a" else "7")
        record = provenance.collect({"seed": 3}, run="M4-seed0", device=commit)
        rows = Rows("pca_variance")
        rows.add(component=1, explained_variance=2.0, explained_variance_ratio=0.5)
        rows.save(path, record)
        assert provenance.read_beside(path)["git"]["commit"] == commit
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_code_of_unknown_state_is_called_unknown(tmp_path):
    path = tmp_path / "tables" / "pca_variance.parquet"
    for git, state in (
        ({"commit": "a" * 40, "dirty": False}, "committed"),
        ({"commit": "a" * 40, "dirty": True}, "MODIFIED"),
        ({"commit": None, "dirty": None}, "unknown"),  # a copy without .git, or git refuses
    ):
        Rows("pca_variance").save(path, {**provenance.collect({}), "git": git})
        assert trace.state_of_code(path) == state
    provenance.unseal(path)
    assert trace.state_of_code(path) == "unknown"


def test_the_chain_behind_a_table(chain):
    text = "\n".join(trace.describe(chain[1]))
    assert "v          4" in text
    assert "runs/M1-seed0/training.parquet and 1 more of M4-seed0" in text
    assert '"layers": 2' in text
    assert "CHANGED" not in text


def test_results_can_be_moved_and_changes_are_reported(chain, tmp_path):
    moved = tmp_path / "moved"
    moved.mkdir()
    for folder in ("runs", "tables"):
        (tmp_path / folder).rename(moved / folder)
    end = moved / "tables" / "pca_variance.parquet"
    assert "CHANGED" not in "\n".join(trace.describe(end))
    source = moved / "runs" / "M4-seed0" / "training.parquet"
    source.write_bytes(source.read_bytes() + b" ")
    assert "CHANGED    " in "\n".join(trace.describe(end))
    with pytest.raises(TableError, match="truncated or altered"):
        tables.read(source, "training")


def test_an_edit_anywhere_in_the_package_is_a_modification(tmp_path, monkeypatch):
    package = tmp_path / "transient_ridge"
    (package / "analysis").mkdir(parents=True)
    module = package / "analysis" / "curves.py"
    module.write_text("WIDTH = 1\n")
    mine = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "start"]):
        subprocess.run([*mine, *words], check=True)
    monkeypatch.setattr(provenance, "PACKAGE", package)
    assert provenance.git_state()["dirty"] is False
    copy = shutil.copytree(package, tmp_path / "copy")  # in a checkout of something else
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(provenance, "PACKAGE", copy)
        assert provenance.git_state() == {"commit": None, "dirty": None}
    new = module.with_stem("new")
    new.touch()
    assert provenance.git_state()["dirty"] is True
    new.unlink()
    assert provenance.git_state()["dirty"] is False
    module.write_text("WIDTH = 2\n")
    assert provenance.git_state()["dirty"] is True


def test_the_state_of_the_code_is_that_of_the_whole_package():
    assert Path(transient_ridge.__file__).parent == provenance.PACKAGE


def test_a_result_of_a_modified_tree_taints_what_follows_from_it(chain):
    sources, end = chain
    for path, dirty in ((end, False), (sources[0], False), (sources[1], False)):
        beside = provenance.beside(path)
        record = json.loads(beside.read_text())
        record["git"] = {"commit": "0" * 40, "dirty": dirty}
        beside.write_text(json.dumps(record))
    assert trace.state_of_code(end) == "committed"
    beside = provenance.beside(sources[1])
    beside.write_text(beside.read_text().replace('"dirty": false', '"dirty": true'))
    assert trace.state_of_code(end) == "MODIFIED"


def test_an_upgrade_between_two_results_is_reported(chain):
    sources, end = chain
    assert "PACKAGES" not in "\n".join(trace.describe(end))
    beside = provenance.beside(sources[0])
    record = json.loads(beside.read_text())
    now = record["packages"]["numpy"]
    record["packages"]["numpy"] = "1.0"
    beside.write_text(json.dumps(record))
    (line,) = [each for each in trace.describe(end) if each.startswith("PACKAGES")]
    assert line.split("numpy: ")[1].startswith("1.0 made 1, ")
    assert line.endswith(f"{now} is installed now")


def test_a_file_without_a_record_is_named(tmp_path):
    with pytest.raises(TableError, match=r"x\.png\.provenance\.json: no provenance record"):
        trace.describe(tmp_path / "x.png")


def test_tables_of_runs_with_other_settings_are_refused(chain):
    sources, _ = chain
    record = provenance.collect({"seed": 3, "model": {"layers": 3}}, run="M4-seed0")
    Rows("training").save(sources[1], record)
    with pytest.raises(TableError, match=r"M4-seed0/training\.parquet: made with other settings"):
        tables.read_all(sources, "training")
