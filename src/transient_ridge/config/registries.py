"""Registries: everything that a configuration chooses by name is a file in a package.

``training/schedules/wsd.py`` is the schedule ``wsd``. To add one, add a file that implements the protocol named in its
package; an extension keeps its own in its folder, as in ``extensions/sparse/predictors/lasso.py``. Names and constants
are read without importing, because planning and figures must not wait for torch. Only chosen entries are part of a
stage's fingerprint, so a new file makes nothing stale.
"""

import ast
import importlib
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import ConfigError
from ..places import PACKAGE, by_name, in_extensions, module_name, syntax

#: An entry as a configuration gives it: a name, or a mapping with a ``name`` and the options of that entry.
Choice = str | Mapping[str, Any]


class Registry:
    """The entries of one package, and of the extensions' folders with its name."""

    def __init__(self, package: str, kind: str) -> None:
        """``package`` is dotted and relative to transient_ridge; messages call an entry a ``kind``."""
        self.package, self.kind = package, kind

    @cached_property
    def paths(self) -> dict[str, Path]:
        """The file of every entry, by name, sorted."""
        *_, folder = room = self.package.split(".")
        core = PACKAGE.joinpath(*room).glob("[!._]*.py")
        return by_name([*core, *in_extensions(f"{folder}/[!._]*.py")])

    @cached_property
    def names(self) -> list[str]:
        """All names, sorted."""
        return list(self.paths)

    def module(self, choice: Choice) -> str:
        """Dotted name, within transient_ridge, of the module behind ``choice``.

        Raises ConfigError that lists the names if there is none.
        """
        return module_name(self._path(choice))

    def load(self, choice: Choice) -> ModuleType:
        """The module behind ``choice``; raises ConfigError if there is none."""
        return importlib.import_module(f"transient_ridge.{self.module(choice)}")

    def options_model(self, choice: Choice) -> Any:
        """The entry's class ``Options`` (a :class:`~.section.Section`); None if it has none.

        Only that class is executed, because validation must not wait for the entry's other imports.
        """
        module = self.module(choice)
        path, tree = self._path(choice), self._tree(choice)
        declared = [
            node for node in tree if isinstance(node, ast.ClassDef) and node.name == "Options"
        ]
        if not declared:
            return None
        needed = [node for node in tree if isinstance(node, ast.ImportFrom) and _of_config(node)]
        names = {
            "__name__": f"transient_ridge.{module}",
            "__package__": f"transient_ridge.{module}".rpartition(".")[0],
        }
        exec(compile(ast.Module([*needed, *declared], []), path, "exec"), names)
        return names["Options"]

    def function(self, choice: Choice, name: str) -> Callable[..., Any]:
        """The entry's function (or class) ``name``, with the ``options`` bound if it has any.

        Raises ConfigError if there is no such entry.
        """
        module = self.load(choice)
        found: Callable[..., Any] = getattr(module, name)
        if not hasattr(module, "Options"):
            return found
        return partial(found, options=module.Options.model_validate(options_in(choice)))

    def offers(self, choice: Choice, function: str) -> bool:
        """Whether the entry's module defines ``function``."""
        return any(
            isinstance(node, ast.FunctionDef) and node.name == function
            for node in self._tree(choice)
        )

    def constant(self, choice: Choice, name: str) -> Any:
        """The literal that the entry's module assigns to ``name``; None if it assigns none."""
        for node in self._tree(choice):
            if isinstance(node, ast.Assign) and any(
                isinstance(target, ast.Name) and target.id == name for target in node.targets
            ):
                return ast.literal_eval(node.value)
        return None

    def _path(self, choice: Choice) -> Path:
        name = name_of(choice)
        if name not in self.paths:
            raise ConfigError(f"{self.kind} '{name}': unknown; there are {', '.join(self.names)}")
        return self.paths[name]

    def _tree(self, choice: Choice) -> list[ast.stmt]:
        return syntax(self._path(choice)).body


def name_of(choice: Choice) -> str:
    """The name in a choice."""
    return choice if isinstance(choice, str) else str(choice.get("name"))


def options_in(choice: Choice) -> dict[str, Any]:
    """The options in a choice."""
    return {} if isinstance(choice, str) else {k: v for k, v in choice.items() if k != "name"}


def _of_config(node: ast.ImportFrom) -> bool:
    return node.level > 0 and (node.module or "").split(".")[0] == "config"


PREDICTORS = Registry("regression.predictors", "predictor")
TASK_FAMILIES = Registry("regression.families", "task family")
INPUT_LAWS = Registry("regression.inputs", "input law")
ATTENTION = Registry("model.attention", "attention")
OPTIMISERS = Registry("training.optimisers", "optimiser")
ADAPTERS = Registry("training.adapters", "adapter")
SCHEDULES = Registry("training.schedules", "schedule")
PRECONDITIONERS = Registry("llc.preconditioners", "preconditioner")
SAMPLERS = Registry("llc.samplers", "sampler")
