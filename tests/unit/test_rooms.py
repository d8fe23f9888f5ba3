"""The rooms of the house: what may import what."""

import ast

import pytest

from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "transient_ridge"
#: From the ground up: a room imports from those before it, and from itself.
FLOORS = [
    "errors", "places", "environment", "progress", "stage", "config", "artefacts", "regression", "model", "training",
    "analysis", "llc", "library", "scorecard", "figures", "report", "extensions", "__main__",
]  # fmt: skip
#: Loaded by name: only the registry knows an entry, and entries of the same registry.
REGISTRIES = (
    "adapters",
    "schedules",
    "optimisers",
    "predictors",
    "families",
    "inputs",
    "attention",
    "preconditioners",
    "samplers",
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """Modules, as paths below the package, that a file's relative imports name."""
    parent = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parent[: len(parent) - node.level + 1]
            target = (*base, *(node.module or "").split(".")) if node.module else base
            for alias in node.names:
                inside = PACKAGE.joinpath(*target, alias.name)
                is_module = inside.with_suffix(".py").exists() or inside.is_dir()
                yield (*target, alias.name) if is_module else target


def room(parts):
    return parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    own = path.relative_to(PACKAGE).parts
    if room(own) in ("__init__", "py"):
        return
    floor = FLOORS.index(room(own))
    for target in imports(path):
        assert not target or FLOORS.index(room(target)) <= floor, target


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_entries_of_registries_are_loaded_by_name(path):
    own = path.relative_to(PACKAGE).parts
    for target in imports(path):
        if len(target) > 2 and target[-2] in REGISTRIES:
            assert own[-2] == target[-2], f"{'/'.join(own)} imports {'.'.join(target)}"
