"""Where the parts of the package are: in the rooms of the core, and in ``extensions/``, which may be deleted.

An extension is a folder with everything about one neighbouring paper. Nothing imports it: what the core keeps in a
folder, such as ``regression/predictors/``, is also looked up in the extensions, such as
``extensions/sparse/predictors/``.
"""

import ast
import itertools
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from .errors import ConfigError

PACKAGE = Path(__file__).resolve().parent


def module_name(path: Path) -> str:
    """Dotted name, within transient_ridge, of the module at ``path``."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def file_of(module: str) -> Path:
    """The file of a module, given its dotted name within transient_ridge."""
    path = PACKAGE.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def syntax(path: Path) -> ast.Module:
    """The syntax tree of the module at ``path``. It is cached: do not change it."""
    return _parsed(path.read_text())


# Keyed by the text, so that an edit counts; few entries, since garbage collection visits every tree.
@lru_cache(32)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def texts(declared: type) -> dict[str, str]:
    """Attribute -> the text below it in the source, for a class of this package and its base classes."""
    found: dict[str, str] = {}
    for each in reversed(declared.__mro__):
        package, _, module = each.__module__.partition(".")
        for node in syntax(file_of(module)).body if package == PACKAGE.name else []:
            if isinstance(node, ast.ClassDef) and node.name == each.__name__:
                for attribute, text in itertools.pairwise(node.body):
                    if isinstance(attribute, ast.AnnAssign) and isinstance(text, ast.Expr):
                        words = ast.literal_eval(text.value).split()
                        found[ast.unparse(attribute.target)] = " ".join(words)
    return found


def in_extensions(pattern: str) -> list[Path]:
    """The files that match ``pattern`` in the folder of any extension, sorted."""
    return sorted(PACKAGE.glob(f"extensions/*/{pattern}"))


def by_name(paths: Iterable[Path]) -> dict[str, Path]:
    """File name without suffix -> path, sorted by name.

    Raises ConfigError if two files share a name: an extension replaces nothing in the core or in another extension.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if (other := found.setdefault(path.stem, path)) != path:
            raise ConfigError(f"{path}: {other} has the same name; rename one of the two")
    return dict(sorted(found.items()))
