"""Bad disks, bad files, two processes at once: refused with a clear message, with finished work kept."""

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.harness import contents, leftovers

# Every case runs the tiny preset: minutes in all.
pytestmark = [pytest.mark.workflow, pytest.mark.slow]

RUNS = "results/tiny/base/runs"


def mount(*arguments: str | Path) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount: {done.stderr.strip()}")


@contextlib.contextmanager
def unmounted_at_the_end(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=False)


def refused(project, *arguments: str) -> str:
    done = project.snakemake("--keep-going", *arguments, check=False)
    assert done.returncode != 0
    return done.stdout


def evaluate_again(project) -> None:
    """Make all measurements stale, and nothing upstream of them."""
    config = project.config
    config["evaluation"]["sequences"] = 100
    project.configure(config)


def fresh(finished, root: Path):
    """A checkout where nothing has run."""
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns(".snakemake", "results"))
    return type(finished)(root)


def test_a_full_disk(finished, tmp_path):
    project = fresh(finished, tmp_path / "full")
    results = project.root / "results"
    results.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "none", results)
    with unmounted_at_the_end(results):
        project.snakemake("train_all")
        before = contents(results)
        # Something else fills the disk while the measurements run.
        ballast = results / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as handle:
            while True:
                handle.write(bytes(4096))
        done = project.snakemake("evaluate_all", "--keep-going", check=False)
        assert done.returncode != 0
        assert "the disk is full; free space and run the same command again" in done.stdout
        assert "Traceback" not in done.stdout
        assert contents(results) == before
        ballast.unlink()
        project.snakemake("--rerun-incomplete")
        assert project.stale() == set()
        assert contents(results).keys() > before.keys()


def test_weights_that_do_not_fit_are_refused_before_anything_starts(finished, tmp_path):
    project = fresh(finished, tmp_path / "small")
    results = project.root / "results"
    results.mkdir()
    mount("-t", "tmpfs", "-o", "size=64k", "none", results)
    with unmounted_at_the_end(results):
        assert "GB are free; raise checkpoints.linear_every" in refused(project)
        assert not list(results.rglob("*.parquet"))


def test_results_on_a_fuse_mount(finished, fuse, tmp_path):
    project = fresh(finished, tmp_path / "checkout")
    (project.root / "results").symlink_to(fuse)
    project.snakemake()
    assert contents(fuse) == contents(finished.root / "results")
    assert leftovers(fuse) == []
    assert project.stale() == set()


NO_FLOCK = """
import errno, fcntl


def missing(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")


fcntl.flock = missing
"""


def test_results_on_a_file_system_without_flock(finished, tmp_path):
    project = fresh(finished, tmp_path / "checkout")
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "sitecustomize.py").write_text(NO_FLOCK)
    project.snakemake("train_all", "evaluate_all", PYTHONPATH=str(tmp_path / "stub"))
    assert leftovers(project.root / "results") == []
    assert project.stale("train_all", "evaluate_all") == set()


def test_a_read_only_results_folder(project):
    evaluate_again(project)
    results = project.root / "results"
    before = contents(results)
    mount("--bind", results, results)
    with unmounted_at_the_end(results):
        mount("-o", "remount,bind,ro", results)
        # Snakemake's own message for files to be rewritten, ours where everything is new.
        assert "Write-protected output files" in refused(project)
        config = project.config
        project.configure(config | {"grid": {"task_diversities": [1, 4, 8], "seeds": [0]}})
        text = refused(project, "train_all")
        assert "results/tiny: cannot be written, the file system is read-only" in text
        assert "Traceback" not in text
        assert contents(results) == before
        project.configure(config)
    project.snakemake()
    assert project.stale() == set()


def test_a_second_snakemake_is_refused_even_where_the_lock_was_taken_away(project, tmp_path):
    config = project.config
    config["training"]["steps"] = 100_000
    config["compute"]["state_seconds"] = 0.5
    project.configure(config)
    first = subprocess.Popen(
        [sys.executable, "-m", "snakemake", "train_all", "--cores", "2", "--configfile", "tiny.yaml"],
        cwd=project.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while not list(project.root.glob("results/tiny/base/scratch/*/state.safetensors")):
            assert first.poll() is None
            time.sleep(0.1)
        assert "Directory cannot be locked" in refused(project, "train_all")
        shutil.rmtree(project.root / ".snakemake" / "locks")
        assert "another Snakemake (process " in refused(project, "train_all")
        # Another checkout that shares the results through a link.
        other = type(project)(tmp_path / "other")
        ignored = shutil.ignore_patterns(".snakemake", "results")
        shutil.copytree(project.root, other.root, ignore=ignored)
        (other.root / "results").symlink_to(project.root / "results")
        assert "another Snakemake (process " in refused(other, "train_all")
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def swap(path: Path) -> None:
    """Replace it by the other run's file, with its record and checksum."""
    other = path.parents[1] / "M1-seed0" / path.name
    for suffix in ("", ".provenance.json"):
        mine, theirs = (Path(f"{p}{suffix}") for p in (path, other))
        content = mine.read_bytes()
        shutil.copyfile(theirs, mine)
        theirs.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (flip_a_bit, "truncated or altered since it was written"),
        (cut, "truncated or altered since it was written"),
        (swap, "was made by the run M1-seed0, not M4-seed0"),
    ],
)
def test_a_damaged_table_is_named(project, harm, message):
    table = project.root / RUNS / "M4-seed0" / "outputs.parquet"
    harm(table)
    text = refused(project, "--forcerun", "joint_pca")
    assert f"M4-seed0/outputs.parquet: {message}" in text or "M1-seed0/outputs.parquet" in text
    assert message.split(" the run")[0] in text
    assert "Traceback" not in text
    for path in (project.root / RUNS).glob("*/outputs.parquet"):
        path.unlink()
    project.snakemake()
    assert project.stale() == set()


@pytest.mark.parametrize("name", ["checkpoints.json", "checkpoints/step-00000060.safetensors"])
def test_damaged_checkpoints_are_named(project, name):
    evaluate_again(project)
    flip_a_bit(project.root / RUNS / "M4-seed0" / name)
    text = refused(project)
    assert f"M4-seed0/{name}: truncated or altered since it was written" in text
    assert (project.root / RUNS / "M1-seed0" / "losses.parquet").exists()
    assert not (project.root / RUNS / "M4-seed0" / "losses.parquet").exists()


def test_swapped_checkpoints_are_named(project):
    """Two runs of one preset share their settings; only their names differ."""
    evaluate_again(project)
    runs = project.root / RUNS
    for name in ("checkpoints", "checkpoints.json", "checkpoints.json.provenance.json"):
        (runs / "M4-seed0" / name).rename(runs / "kept")
        (runs / "M1-seed0" / name).rename(runs / "M4-seed0" / name)
        (runs / "kept").rename(runs / "M1-seed0" / name)
    text = refused(project, "evaluate_all")
    assert "M4-seed0/checkpoints.json: was made by the run M1-seed0, not M4-seed0" in text


def test_a_malicious_pickle_is_not_executed(project, tmp_path):
    class Malicious:
        def __reduce__(self):
            return (exec, (f"open({str(tmp_path / 'executed')!r}, 'w')",))

    evaluate_again(project)
    folder = project.root / RUNS / "M4-seed0"
    for name in ("checkpoints/step-00000060.safetensors", "checkpoints.json"):
        (folder / name).write_bytes(pickle.dumps(Malicious()))
        refused(project, "evaluate_all")
    (project.root / RUNS / "M4-seed0" / "outputs.parquet").write_bytes(pickle.dumps(Malicious()))
    project.snakemake("joint_pca", "--forcerun", "joint_pca", check=False)
    assert not (tmp_path / "executed").exists()
