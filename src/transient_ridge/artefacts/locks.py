"""Locks for one writer at a time. The kernel drops a lock with its holder, so a kill leaves none behind."""

import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from ..errors import StorageError
from .files import refusal

#: Seconds between two attempts to take a lock.
_LOOK_EVERY = 0.2


@contextmanager
def only_writer(lock: Path, patience: float) -> Iterator[bool]:
    """Hold ``lock``; yield whether another process, such as the orphan of a killed Snakemake, held it before.

    The holder is asked to hand over (it can check :func:`handover_requested`). Raises StorageError if it still holds
    the lock after ``patience`` seconds.
    """
    request = _request(lock)
    deadline = time.monotonic() + patience
    waited = False
    while (handle := try_lock(lock)) is None:
        if not waited:
            waited = True
            print(f"{lock}: held by {_holder(lock)}; waiting for it to end", file=sys.stderr)
            request.touch()
        if time.monotonic() > deadline:
            raise StorageError(
                f"{lock}: another process ({_holder(lock)}) is writing the same files; stop it, or wait for "
                "it to end"
            )
        time.sleep(_LOOK_EVERY)
    request.unlink(missing_ok=True)
    try:
        yield waited
    finally:
        release(lock, handle)


def try_lock(lock: Path) -> TextIO | None:
    """An open file that holds ``lock``, or None if another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    handle = lock.open("a+")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The file may have been removed by the holder before, and made anew by another process.
        if lock.exists() and os.path.samestat(os.fstat(handle.fileno()), lock.stat()):
            # The holder's name is for messages only; a full disk may refuse it.
            with suppress(OSError):
                os.ftruncate(handle.fileno(), 0)
                os.write(
                    handle.fileno(), f"process {os.getpid()} on {socket.gethostname()}".encode()
                )
            return handle
    except BlockingIOError:
        pass
    handle.close()
    return None


def release(lock: Path, handle: TextIO) -> None:
    """Give up ``lock``, which ``handle`` holds."""
    lock.unlink(missing_ok=True)
    handle.close()


def handover_requested(lock: Path) -> bool:
    """Whether another process waits for ``lock``, which this one holds."""
    return _request(lock).exists()


def hold(lock: Path) -> TextIO:
    """Hold ``lock`` for as long as the returned file stays open. Raises StorageError if another process does."""
    try:
        handle = try_lock(lock)
    except OSError as error:
        raise StorageError(
            f"{lock.parent}: cannot be written, {refusal(error) or error}"
        ) from error
    if handle is None:
        raise StorageError(
            f"{lock.parent}: another Snakemake ({_holder(lock)}) is at work in this folder; wait for it to end, or "
            "stop it first"
        )
    return handle


def is_held(lock: Path) -> bool:
    """Whether a process of this machine holds ``lock``; looks without taking it."""
    try:
        with lock.open("r") as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _request(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.handover")


def _holder(lock: Path) -> str:
    try:
        return lock.read_text() or "unknown"
    except OSError:
        return "unknown"
