"""Code fingerprints, by which Snakemake knows which stages an edit makes stale.

The fingerprint of a module covers its syntax tree and those of all modules of this package that it imports, directly or
not, and the other files of packages among them (a page, a style). Comments, docstrings and layout do not count. It is a
`params:` value of the stage's rule, so an edit makes exactly those stages stale that use the edited code.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parents[1]

#: Excluded from fingerprints because they cannot change a number: a new table, key or message must not retrain a model.
#: Settings are compared as params; a table on disk that lacks a new column is refused when it is read.
EXCLUDED = frozenset(
    {
        "errors",
        "progress",
        "stage",
        "artefacts.files",
        "artefacts.locks",
        "artefacts.provenance",
        "artefacts.schemas",
        "artefacts.tables",
        "config.keys",
        "config.registries",
        "config.settings",
    }
)


def closure(modules: Iterable[str]) -> frozenset[str]:
    """``modules`` and what they import of this package, directly or not, without the excluded."""
    found: set[str] = set()
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name not in found and name not in EXCLUDED:
            found.add(name)
            pending += _module(name).imports
    return frozenset(found)


@functools.cache
def fingerprint(*modules: str) -> str:
    """Hash of the code behind ``modules``, 16 hexadecimal digits.

    Modules that a registry loads by name are imported nowhere: pass those in use along with the stage's own.
    """
    digest = hashlib.sha256()
    for name in sorted(closure(modules) | (set(modules) & EXCLUDED)):
        digest.update(f"{name}\0{_module(name).code}\0".encode())
        for path in _other_files(name):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _path(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


class _Module(NamedTuple):
    """What counts of a module: its code without comments, docstrings and layout, and what it imports."""

    code: str
    imports: tuple[str, ...]


def _module(name: str) -> _Module:
    path = _path(name)
    changed = path.stat()
    return _parsed(name, path, changed.st_mtime_ns, changed.st_size)


@functools.cache  # planning asks for the fingerprints of forty stages, which share most modules
def _parsed(name: str, path: Path, mtime: int, size: int) -> _Module:
    del mtime, size  # a file that was changed is read again
    tree = ast.parse(path.read_text())
    imports = tuple(_imports(name, tree))
    return _Module(ast.dump(_without_docstrings(tree)), imports)


def _other_files(module: str) -> list[Path]:
    """Files of a package that are not Python."""
    path = _path(module)
    if path.name != "__init__.py":
        return []
    return sorted(
        p for p in path.parent.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc")
    )


def _imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Modules of this package named by the import statements of ``module``, wherever they stand."""
    parent = module.split(".") if _path(module).name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parent[: len(parent) - node.level + 1]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            inside = [f"{target}.{alias.name}".strip(".") for alias in node.names]
            yield from (name for name in (target, *inside) if name and _path(name).is_file())


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree
