"""Results packed into one file, and unpacked elsewhere, where Snakemake then accepts them as done.

An archive holds the results folder of a preset (with weights on request), the checksum of every file, the fingerprints
of every stage's code and of every registry entry that the configuration chooses, and Snakemake's record of how each
file was made. With these, another machine plans as this one does: it redoes only what its own settings or code make
stale.
"""

import base64
import hashlib
import json
import os
import tarfile
from collections.abc import Mapping
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Any, cast

from ..config.runs import run_files
from ..errors import ArchiveError
from ..stage import stages
from .contents import Contents
from .files import complete_file, files_below
from .fingerprints import fingerprint
from .provenance import git_state, sha256

#: The first member of an archive.
MANIFEST = "manifest.json"
#: Folders and files that concern work in progress, or one machine.
LEFT_OUT = ("scratch", "logs", "status")
PASSING = (".lock", ".handover", ".partial")
WEIGHTS = "checkpoints"
#: Where Snakemake keeps its records, each named after a path in base64.
RECORDS = Path(".snakemake/metadata")


def pack(results: Path, archive: Path, *, weights: bool = False) -> int:
    """Write ``archive`` from the folder ``results``, below the working directory; return the number of files.

    Follows links and leaves out leftovers of another configuration. Raises ArchiveError if a run of the configuration
    is missing, TableError if there is no configuration.
    """
    results = Path(os.path.relpath(results))
    if results.parts[0] == os.pardir:
        raise ArchiveError(
            f"{results}: not below the working directory; pack where Snakemake ran, which keeps its records there"
        )
    contents = Contents(results)
    _check_runs(contents, weights)
    files = [
        path
        for path in files_below(results)
        if _is_packed(path.relative_to(results), contents, weights)
    ]
    members = [*files, *_records(contents)]
    manifest = {
        "results": str(results),
        "git": git_state(),
        "code": {name: fingerprint(name) for name in [*stages(), *contents.entries]},
        "sha256": {str(path): sha256(path) for path in members},
    }
    text = json.dumps(manifest, indent=1).encode()
    header = tarfile.TarInfo(MANIFEST)
    header.size = len(text)
    with (
        complete_file(archive) as partial,
        tarfile.open(partial, "w:gz", compresslevel=1, dereference=True) as tar,
    ):
        tar.addfile(header, BytesIO(text))
        for path in members:
            tar.add(path)
    return len(files)


def unpack(archive: Path, *, other_code: bool = False) -> Path:
    """Put the results in ``archive`` back where they were, below the working directory; return their folder.

    Raises ArchiveError, before anything is written, if the archive is damaged, if the folder is there already, or,
    unless ``other_code`` is accepted, if the code here differs from the code that made the results.
    """
    try:
        manifest = _verify(archive)
        _check(archive, manifest, other_code=other_code)
        with tarfile.open(archive, "r:gz") as tar:
            names = manifest["sha256"]
            tar.extractall(
                members=[each for each in tar.getmembers() if each.name in names], filter="data"
            )
    except (OSError, EOFError, ValueError, KeyError, tarfile.TarError) as error:
        raise ArchiveError(
            f"{archive}: truncated, or not an archive of results ({error})"
        ) from error
    return Path(manifest["results"])


def _check_runs(contents: Contents, weights: bool) -> None:
    """Raise ArchiveError if a run of the configuration lacks what training writes."""
    missing = [
        path
        for variant, runs in contents.runs.items()
        for run in sorted(runs)
        for what, path in run_files(contents.results / variant / "runs" / run).items()
        if not path.exists() and (weights or what != "weights")
    ]
    if missing:
        others = f", and {len(missing) - 1} more files or folders" if len(missing) > 1 else ""
        raise ArchiveError(
            f"{missing[0]}: missing{others}, though the configuration asks for it; run `make reproduce` first"
            + (", with keep_weights: true for weights" if weights else "")
        )


def _is_packed(path: Path, contents: Contents, weights: bool) -> bool:
    """Whether ``path``, relative to the results, goes into an archive of them."""
    if not contents.holds(path) or path.name.endswith(PASSING):
        return False
    variant, *inside = path.parts
    if variant not in contents.runs:
        return variant not in LEFT_OUT
    return inside[0] not in LEFT_OUT and (weights or inside[2:3] != [WEIGHTS])


def _records(contents: Contents) -> list[Path]:
    """Snakemake's records of the results."""
    found = []
    for record in files_below(RECORDS):
        # Long names are split into folders that begin with @.
        name = "".join(part.removeprefix("@") for part in record.relative_to(RECORDS).parts)
        about, results = Path(base64.urlsafe_b64decode(name).decode()), contents.results
        if about.is_relative_to(results) and contents.holds(about.relative_to(results)):
            found.append(record)
    return found


def _verify(archive: Path) -> Mapping[str, Any]:
    """The manifest, after comparing every member with its checksum."""
    with tarfile.open(archive, "r:gz") as tar:
        first = tar.next()
        opened = tar.extractfile(first) if first and first.name == MANIFEST else None
        if opened is None:
            raise ArchiveError(
                f"{archive}: not an archive of results, it does not begin with {MANIFEST}"
            )
        manifest: dict[str, Any] = json.load(opened)
        expected = dict(manifest["sha256"])
        while (member := tar.next()) is not None:
            content = cast(BufferedReader | None, tar.extractfile(member))
            checksum = expected.pop(member.name, None)
            if content is None or hashlib.file_digest(content, "sha256").hexdigest() != checksum:
                raise ArchiveError(f"{archive}: {member.name} was altered since it was packed")
        while tar.fileobj is not None and tar.fileobj.read(1 << 20):
            pass  # gzip checks its checksum only at the end
    if expected:
        raise ArchiveError(
            f"{archive}: {len(expected)} files are missing, among them {min(expected)}"
        )
    return manifest


def _check(archive: Path, manifest: Mapping[str, Any], *, other_code: bool) -> None:
    """Refuse to replace results, and results that other code made."""
    results = Path(manifest["results"])
    if results.exists() and any(results.iterdir()):
        raise ArchiveError(
            f"{archive}: {results} exists already; move it away, or unpack in another checkout"
        )
    differing = [name for name, made in manifest["code"].items() if _code_here(name) != made]
    if differing and not other_code:
        commit = (manifest["git"]["commit"] or "unknown")[:12]
        raise ArchiveError(
            f"{archive}: made by other code than the code here ({', '.join(differing)}); check out commit {commit}, or "
            "accept it with OTHER_CODE=1: Snakemake then redoes what the code here makes stale"
        )


def _code_here(module: str) -> str | None:
    """The fingerprint of ``module``; None if there is no such module here."""
    try:
        return fingerprint(module)
    except FileNotFoundError:
        return None
