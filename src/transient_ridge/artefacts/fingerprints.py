"""Fingerprints of code, which tell Snakemake the stages that an edit makes stale.

The fingerprint of a module covers its code, that of every module of this package that it imports, directly or not, and
the other files of packages among them (a page, a style). Comments, docstrings and layout do not count. The name and
marker of an entry in figures count for figures only. All versions of Python give the same fingerprint, so that an
upgrade retrains nothing. The fingerprint is a `params:` value of the stage's rule, so that an edit makes exactly those
stages stale that use the edited code.
"""

import ast
import functools
import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ..places import PACKAGE, file_of, syntax

#: Constants of a registry entry that only figures use.
SHOWN = frozenset({"LABEL", "MARKER"})
#: The module that reads these constants for everything that draws.
SHOWING = "figures.drawing.style"

#: Excluded from fingerprints because they cannot change a number: a new table, key or message must not retrain a model.
#: Settings are compared as params; a table on disk that lacks a new column is refused when it is read.
EXCLUDED = frozenset(
    {
        "errors",
        "places",
        "progress",
        "stage",
        "artefacts.availability",
        "artefacts.columns",
        "artefacts.files",
        "artefacts.locks",
        "artefacts.provenance",
        "artefacts.schemas",
        "artefacts.tables",
        "config.section",
        "config.registries",
        "config.settings",
    }
)


def closure(modules: Iterable[str]) -> frozenset[str]:
    """``modules`` and what they import from this package, directly or not, without :data:`EXCLUDED`."""
    found: set[str] = set()
    pending = list(modules)
    while pending:
        name = pending.pop()
        if name not in found and name not in EXCLUDED:
            found.add(name)
            pending += _module(name).imports
    return frozenset(found)


@functools.cache
def fingerprint(*modules: str, shown: tuple[str, ...] = ()) -> str:
    """Hash of the code behind ``modules``, 16 hexadecimal digits.

    Nothing imports the modules that a registry loads by name: pass those in use along with the stage's own. Of the
    modules ``shown``, only the constants :data:`SHOWN` count, and only if the stage draws.
    """
    digest = hashlib.sha256()
    computing = closure(modules)
    for name in sorted(computing | (set(modules) & EXCLUDED)):
        digest.update(f"{name}\0{_module(name).code}\0".encode())
        for path in _other_files(name):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    if SHOWING in computing:
        for name in sorted(shown):
            digest.update(f"{name}\0{_module(name).shown}\0".encode())
    return digest.hexdigest()[:16]


#: Decorators that read the docstring of a function: it is the text of a statement, and counts.
READERS = frozenset({"states", "asks", "states_if_asked"})
#: The nodes that may begin with a docstring.
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class _Module(NamedTuple):
    """A module's code, the constants that are only shown, and its imports."""

    code: str
    shown: str
    imports: tuple[str, ...]


def _module(name: str) -> _Module:
    path = file_of(name)
    changed = path.stat()
    return _parsed(name, path, changed.st_mtime_ns, changed.st_size)


@functools.cache  # planning asks for the fingerprints of forty stages, which share most modules
def _parsed(name: str, path: Path, mtime: int, size: int) -> _Module:
    del mtime, size  # arguments so that a changed file is read again
    statements = syntax(path).body
    shown = [node for node in statements if _is_shown(node)]
    code = ast.Module([node for node in statements if not _is_shown(node)], [])
    return _Module(canonical(code), canonical(shown), tuple(_imports(name, code)))


def _is_shown(node: ast.stmt) -> bool:
    """Whether ``node`` assigns a constant of :data:`SHOWN`."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    return any(isinstance(target, ast.Name) and target.id in SHOWN for target in targets)


def canonical(code: object) -> str:
    """A syntax tree as text, the same under every version of Python.

    Unlike `ast.dump` it leaves out empty fields, since later versions add fields and leave others out. It drops
    docstrings, except those that :data:`READERS` read, and joins neighbouring pieces of an f-string's text.
    """
    if isinstance(code, list):
        return f"[{','.join(map(canonical, code))}]"
    if isinstance(code, ast.Constant):
        # u"..." is "..."; which characters `repr` considers printable depends on the version.
        return f"Constant(value={code.value!a})"
    if not isinstance(code, ast.AST):
        return ascii(code)
    parts = vars(code)
    if isinstance(code, DOCUMENTED) and ast.get_docstring(code, clean=False) and not _read(code):
        parts = {**parts, "body": code.body[1:]}
    elif isinstance(code, ast.JoinedStr):
        parts = {"values": _joined(code.values)}
    stated = [
        f"{name}={canonical(part)}"
        for name in code._fields
        if (part := parts.get(name)) is not None and part != []
    ]
    return f"{type(code).__name__}({','.join(stated)})"


def _read(code: ast.AST) -> bool:
    """Whether one of :data:`READERS` decorates ``code``."""
    calls = [each for each in getattr(code, "decorator_list", []) if isinstance(each, ast.Call)]
    return any(isinstance(each.func, ast.Name) and each.func.id in READERS for each in calls)


def _joined(pieces: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string, with adjacent constants as one and without empty ones, which Python 3.12 adds."""
    joined: list[ast.expr] = []
    for literal, group in itertools.groupby(pieces, lambda piece: isinstance(piece, ast.Constant)):
        if literal:
            text = "".join(str(piece.value) for piece in group if isinstance(piece, ast.Constant))
            joined += [ast.Constant(text)] if text else []
        else:
            joined += group
    return joined


def _other_files(module: str) -> list[Path]:
    """Files of a package that are not Python."""
    path = file_of(module)
    if path.name != "__init__.py":
        return []
    return sorted(
        p for p in path.parent.iterdir() if p.is_file() and p.suffix not in (".py", ".pyc")
    )


def _imports(module: str, tree: ast.Module) -> Iterator[str]:
    """Modules of this package named by the import statements anywhere in ``module``."""
    parent = module.split(".") if file_of(module).name == "__init__.py" else module.split(".")[:-1]
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = [PACKAGE.name, *parent][: len(parent) + 2 - node.level] if node.level else []
            target = ".".join([*base, *([node.module] if node.module else [])])
            named = [target, *(f"{target}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in named:
            package, _, own = name.partition(".")
            if package == PACKAGE.name and own and file_of(own).is_file():
                yield own


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The statements in ``body`` and those nested in them; expressions are not searched."""
    for node in body:
        yield node
        for within in ("body", "orelse", "handlers", "finalbody", "cases"):
            yield from _statements(getattr(node, within, ()))
