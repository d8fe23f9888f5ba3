"""Results on file systems that are not quite POSIX: no flock, no sizes, open files that outlive deletion."""

import errno
import fcntl
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.test_training import run_whole, stop_after, targets, weights_of
from transient_ridge.artefacts import files, locks
from transient_ridge.artefacts.locks import handover_requested, hold, is_held, only_writer
from transient_ridge.errors import Interrupted, StorageError
from transient_ridge.training import train as training


@pytest.fixture
def without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without flock, such as Lustre without its mount option."""

    def missing(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    locks._has_flock.cache_clear()
    monkeypatch.setattr(fcntl, "flock", missing)
    yield
    locks._has_flock.cache_clear()


def open_below(folder: Path) -> list[str]:
    """Files below ``folder`` that this process has open or mapped."""
    opened = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if _is_link(n)]
    mapped = Path("/proc/self/maps").read_text().splitlines()
    return [name for name in (*opened, *mapped) if f"{folder}/" in name]


def _is_link(number: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{number}")


def interrupted(tiny: dict, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a run with its state saved half-way."""

    def stop() -> None:
        os.kill(os.getpid(), 15)

    with monkeypatch.context() as patch:
        stop_after(patch, 25, stop)
        with pytest.raises(Interrupted):
            run_whole(tiny, folder)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_nothing_in_a_folder_is_open_when_it_is_deleted(tiny, tmp_path, monkeypatch):
    interrupted(tiny, tmp_path, monkeypatch)
    seen = []

    def look(folder: Path) -> None:
        seen.append(open_below(folder))
        shutil.rmtree(folder)

    monkeypatch.setattr(training, "discard", look)
    run_whole(tiny, tmp_path)
    assert seen == [[]]


def test_a_run_is_trained_and_resumed_on_a_fuse_mount(tiny, tmp_path, fuse, monkeypatch):
    undisturbed = run_whole(tiny, tmp_path / "undisturbed")
    interrupted(tiny, fuse, monkeypatch)
    run_whole(tiny, fuse)
    assert weights_of(fuse) == weights_of(undisturbed)
    assert sorted(path.name for path in fuse.iterdir()) == sorted(
        each for path in targets(fuse).values() for each in names_of(path)
    )


def names_of(path: Path) -> list[str]:
    """An output and the record beside it; that of a folder of weights is in the manifest."""
    return [path.name] + [f"{path.name}.provenance.json"] * bool(path.suffix)


def test_outputs_outlive_a_folder_that_cannot_be_removed(tiny, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(files.shutil, "rmtree", lambda *_, **__: None)
    run_whole(tiny, tmp_path)
    assert all(path.exists() for path in targets(tmp_path).values())
    assert f"{tmp_path / 'scratch'}: could not be removed" in capsys.readouterr().err


def test_locks_on_a_fuse_mount_end_with_their_holder(fuse):
    lock = fuse / "folder.lock"
    with only_writer(lock, 0):
        assert is_held(lock)
        with pytest.raises(StorageError, match=r"process \d+ on "):
            hold(lock)
    assert not is_held(lock)
    assert list(fuse.iterdir()) == []


def test_without_flock_a_marker_is_the_lock(tmp_path, without_flock):
    lock = tmp_path / "lock"
    with only_writer(lock, 0) as waited:
        assert not waited
        assert is_held(lock)
        with pytest.raises(
            StorageError, match=rf"process {os.getpid()} on .* delete {lock} if that"
        ):
            hold(lock)
        with pytest.raises(StorageError, match="another process"), only_writer(lock, 0.3):
            pass
        assert handover_requested(lock)
    assert not is_held(lock)
    with only_writer(lock, 0) as waited:
        assert not waited
    assert list(tmp_path.iterdir()) == []


TAKE = """
import errno, fcntl, sys, time
from pathlib import Path
def missing(*_):
    raise OSError(errno.ENOSYS, "Function not implemented")
fcntl.flock = missing
from transient_ridge.artefacts.locks import handover_requested, try_lock
lock = Path(sys.argv[1])
held = try_lock(lock)
print(held is not None, flush=True)
while not handover_requested(lock):
    time.sleep(0.02)
held.release()
"""


def holder(lock: Path) -> subprocess.Popen[str]:
    """Another process that holds ``lock``, a marker, until it is asked to hand over."""
    process = subprocess.Popen(
        [sys.executable, "-c", TAKE, str(lock)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_without_flock_an_orphan_hands_over(tmp_path, without_flock):
    lock = tmp_path / "lock"
    orphan = holder(lock)
    with only_writer(lock, 30.0) as waited:
        assert waited
    assert orphan.wait() == 0
    orphan.stdout.close()
    assert list(tmp_path.iterdir()) == []


def test_without_flock_the_marker_of_a_killed_process_is_taken_over(tmp_path, without_flock):
    lock = tmp_path / "lock"
    killed = holder(lock)
    killed.kill()
    killed.wait()
    killed.stdout.close()
    with only_writer(lock, 10.0):
        pass
    assert list(tmp_path.iterdir()) == []


def test_without_flock_the_marker_of_another_machine_is_named(tmp_path, without_flock):
    lock = tmp_path / "lock"
    lock.write_text("4711\nelsewhere\n")
    old = time.time() - 3600
    os.utime(lock, (old, old))
    with (
        pytest.raises(StorageError, match=rf"process 4711 on elsewhere.*delete {lock}"),
        only_writer(lock, 0.3),
    ):
        pass
    assert lock.exists()


def test_without_flock_a_run_is_trained(tiny, tmp_path, without_flock):
    run_whole(tiny, tmp_path)
    assert all(path.exists() for path in targets(tmp_path).values())
    assert not list(tmp_path.glob("scratch*"))


def test_a_disk_of_unknown_size_is_not_taken_for_a_full_one(tmp_path, monkeypatch):
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: (0, 0, 0))
    assert files.shortage(tmp_path) is None
    monkeypatch.setattr(files.shutil, "disk_usage", lambda _: (1 << 30, 1 << 30, 0))
    assert "the disk is full" in str(files.shortage(tmp_path))
