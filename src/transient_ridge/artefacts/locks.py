"""Locks that admit one writer at a time.

Where the file system supports flock, the kernel keeps the lock and drops it with its holder, so that a kill leaves none
behind. Elsewhere (some mounts of Lustre, NFS and FUSE) the lock is a marker file, by :class:`filelock.SoftFileLock`.
After a kill, the same machine takes over the marker; on another machine, a message names it and asks the user to delete
it. Both kinds of file name the process and the machine that hold the lock.
"""

import errno
import fcntl
import functools
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from ..errors import StorageError
from .files import refusal

#: Seconds between two attempts to take a lock.
_LOOK_EVERY = 0.2

#: Errors of flock on a file system that does not support it.
_NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)


@dataclass(frozen=True)
class Held:
    """A lock that this process holds until it calls ``release`` or ends."""

    release: Callable[[], None]


@contextmanager
def only_writer(lock: Path, patience: float) -> Iterator[bool]:
    """Hold ``lock``; yield whether it had to wait for another process, such as the orphan of a killed Snakemake.

    The holder is asked to hand over (it can check :func:`handover_requested`). Raises StorageError if it still holds
    the lock after ``patience`` seconds.
    """
    request = _request(lock)
    deadline = time.monotonic() + patience
    waited = False
    while (held := try_lock(lock)) is None:
        if not waited:
            waited = True
            print(f"{lock}: held by {_holder(lock)}; waiting for it to end", file=sys.stderr)
            request.touch()
        if time.monotonic() > deadline:
            raise StorageError(
                f"{lock}: another process ({_holder(lock)}) is writing the same files; stop it or wait for it to "
                f"end{_if_dead(lock)}"
            )
        time.sleep(_LOOK_EVERY)
    request.unlink(missing_ok=True)
    try:
        yield waited
    finally:
        held.release()


def try_lock(lock: Path) -> Held | None:
    """Take ``lock``, or return None if another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    return _by_kernel(lock) if _has_flock(lock.parent) else _by_marker(lock)


def hold(lock: Path) -> Held:
    """Take ``lock``. Raises StorageError if another Snakemake holds it, or if its folder cannot be written."""
    try:
        held = try_lock(lock)
    except OSError as error:
        raise StorageError(
            f"{lock.parent}: cannot be written, {refusal(error) or error}"
        ) from error
    if held is None:
        raise StorageError(
            f"{lock.parent}: another Snakemake ({_holder(lock)}) is at work in this folder; wait for it to end or stop "
            f"it first{_if_dead(lock)}"
        )
    return held


def handover_requested(lock: Path) -> bool:
    """Whether another process waits for ``lock``, which this one holds."""
    return _request(lock).exists()


def is_held(lock: Path) -> bool:
    """Whether a process holds ``lock``. A kernel's lock is inspected without taking it."""
    try:
        with lock.open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno not in _NO_FLOCK:
            raise
        if (taken := _by_marker(lock)) is None:
            return True
        taken.release()
    return False


@functools.cache
def _has_flock(folder: Path) -> bool:
    """Whether the file system of ``folder`` supports flock."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        try:
            fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _NO_FLOCK:
                return False
            raise
    return True


def _by_kernel(lock: Path) -> Held | None:
    handle = lock.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The previous holder may have removed the file, and another process created it again.
        if lock.exists() and os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
            # The holder's name is for messages only; a full disk may refuse it.
            with suppress(OSError):
                os.ftruncate(handle.fileno(), 0)
                os.write(handle.fileno(), f"{os.getpid()}\n{socket.gethostname()}\n".encode())
            return Held(functools.partial(_drop, lock, handle))
    except BlockingIOError:
        pass
    handle.close()
    return None


def _drop(lock: Path, handle: TextIO) -> None:
    lock.unlink(missing_ok=True)
    handle.close()


def _by_marker(lock: Path) -> Held | None:
    from filelock import SoftFileLock, Timeout  # noqa: PLC0415 - few file systems need it

    marker = SoftFileLock(lock)
    try:
        marker.acquire(timeout=0)
    except Timeout:
        return None
    return Held(marker.release)


def _request(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.handover")


def _holder(lock: Path) -> str:
    try:
        process, machine, *_ = lock.read_text().splitlines()
    except (OSError, ValueError):
        return "unknown"
    return f"process {process} on {machine}"


def _if_dead(lock: Path) -> str:
    """What to do about the lock of a process that was killed on another machine, where nothing else removes it."""
    if _has_flock(lock.parent):
        return ""
    return f"; this file system has no flock, so delete {lock} if that process is gone"
