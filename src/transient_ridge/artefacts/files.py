"""Files that appear under their final name only when they are complete."""

import errno
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import StorageError

#: Errors of a file system that refuses to be written, in words.
_REFUSALS = {
    errno.ENOSPC: "the disk is full; free space",
    errno.EDQUOT: "the disk quota is used up; free space",
    errno.EROFS: "the file system is read-only; make it writable",
    errno.EACCES: "writing is not permitted; make it writable",
    errno.EPERM: "writing is not permitted; make it writable",
}

#: Bytes below which a disk counts as full.
_LEAST_FREE = 1 << 16


@contextmanager
def complete_file(path: Path) -> Iterator[Path]:
    """Yield a name beside ``path`` to write to; on success flush it to disk and rename it to ``path``.

    On failure the partial file is removed and ``path`` untouched. The next write removes what a SIGKILL leaves behind.
    Raises StorageError if the file system refuses.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f".{path.name}.*.partial"):
            leftover.unlink(missing_ok=True)
        yield partial
        with partial.open("rb") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
    except Exception as error:
        why = refusal(error)
        if why is None:
            raise
        raise StorageError(
            f"{path}: cannot be written, {why} and run the same command again; what is finished is kept"
        ) from error
    finally:
        if partial.exists():
            partial.unlink()


def files_below(folder: Path) -> list[Path]:
    """Every file below ``folder``, sorted; follows links, each folder once."""
    found, seen = [], set()
    for below, folders, names in os.walk(folder, followlinks=True):
        seen.add(os.path.realpath(below))
        folders[:] = [
            name for name in folders if os.path.realpath(os.path.join(below, name)) not in seen
        ]
        found += [Path(below, name) for name in names]
    return sorted(path for path in found if path.is_file())


def discard(folder: Path) -> None:
    """Remove ``folder``, which is no longer needed; if that fails, leave it and report it on stderr.

    Network file systems rename files that a process still has open, so that their folder is not empty.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        print(f"{folder}: could not be removed; it is no longer needed", file=sys.stderr)


def refusal(error: Exception) -> str | None:
    """Why the file system refused, or None. Searches messages, since libraries wrap errors in their own types."""
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        return _REFUSALS[error.errno]
    return next((why for n, why in _REFUSALS.items() if os.strerror(n) in str(error)), None)


def shortage(folder: Path) -> str | None:
    """A message if the disk of ``folder`` is full, since failed jobs then have no logs; else None."""
    total, _, free = shutil.disk_usage(folder)
    if not total or free >= _LEAST_FREE:  # some mounts report a size of 0
        return None
    return f"{folder}: {_REFUSALS[errno.ENOSPC]} and run the same command again; what is finished is kept"
