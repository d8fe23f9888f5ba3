"""Which code computes a stage's results: a fingerprint that Snakemake can compare.

The fingerprint of a module covers the syntax tree of that module and of all modules of this package that it
imports, directly or not, without comments, docstrings and layout. It is a `params:` value of the stage's
rule: an edit that can change a number makes exactly the stages stale that use the edited code, and touching,
reformatting or documenting a file makes nothing stale.
"""

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

#: Modules that carry numbers and never compute one. They are left out of every fingerprint: describing a new
#: table or a new setting, or a better message, does not retrain a model. What a stage is *given* of the settings
#: is compared by its params; a table on disk that lacks a new column is refused when it is read.
CARRIERS = frozenset(
    {
        "errors",
        "progress",
        "artefacts.provenance",
        "config.settings",
        "artefacts.files",
        "artefacts.tables",
    }
)


def closure(module: str) -> frozenset[str]:
    """``module`` and the modules of this package that it imports, directly or not, without carriers."""
    found: set[str] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in found and name not in CARRIERS:
            found.add(name)
            pending += _imports(name)
    return frozenset(found)


@functools.cache
def fingerprint(module: str) -> str:
    """Sixteen hexadecimal digits that change when the code behind ``module`` does."""
    digest = hashlib.sha256()
    for name in sorted(closure(module)):
        digest.update(f"{name}\0{ast.dump(_without_docstrings(_tree(name)))}\0".encode())
    return digest.hexdigest()[:16]


def module_digest(module: str) -> str:
    """Fingerprint of ``module`` alone, for what describes a carrier rather than computes with it."""
    code = ast.dump(_without_docstrings(_tree(module)))
    return hashlib.sha256(code.encode()).hexdigest()[:16]


def assets(package: str) -> str:
    """Fingerprint of the files of ``package`` that are not Python: a page, a style, a script."""
    digest = hashlib.sha256()
    for path in sorted(_path(package).parent.iterdir()):
        if path.is_file() and path.suffix != ".py":
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _path(module: str) -> Path:
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text())


def _imports(module: str) -> list[str]:
    """Modules of this package named by the import statements of ``module``, wherever they stand."""
    parent = module.split(".") if _path(module).name == "__init__.py" else module.split(".")[:-1]
    names = []
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parent[: len(parent) - node.level + 1]
            target = ".".join([*base, *(node.module or "").split(".")]).strip(".")
            names += [target] if target and _exists(target) else []
            inside = [f"{target}.{alias.name}".strip(".") for alias in node.names]
            names += [name for name in inside if _exists(name)]
    return names


def _exists(module: str) -> bool:
    return _path(module).is_file() and module != ""


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:]
    return tree
