"""Registries: what a configuration chooses by name is a file in a package.

``training/schedules/wsd.py`` is the schedule ``wsd``. To add one, add a file with what the docstring of its package
asks for; those of an extension lie in its folder, as in ``extensions/sparse/predictors/lasso.py``. Names and constants
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
from ..places import PACKAGE, in_extensions, module_name

#: What a configuration may say: a name, or a mapping with a ``name`` and the options of that entry.
Choice = str | Mapping[str, Any]


class Registry:
    """The entries of one package, and of the folders of its name in the extensions."""

    def __init__(self, package: str, kind: str) -> None:
        """``package`` is dotted and relative to transient_ridge; ``kind`` is what messages call an entry."""
        self.package, self.kind = package, kind

    @cached_property
    def paths(self) -> dict[str, Path]:
        """The file of every entry, by name, sorted."""
        *_, folder = room = self.package.split(".")
        core = PACKAGE.joinpath(*room).glob("[!_]*.py")
        found = {path.stem: path for path in [*core, *in_extensions(f"{folder}/[!_]*.py")]}
        return dict(sorted(found.items()))

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

    def options(self, choice: Choice) -> Any:
        """The entry's ``Options`` (see :class:`Settings`) as ``choice`` states them; None if it has none.

        Raises ConfigError if an option is missing or unknown.
        """
        given = {} if isinstance(choice, str) else {k: v for k, v in choice.items() if k != "name"}
        kind = getattr(self.load(choice), "Options", None)
        known = [] if kind is None else list(kind.__dataclass_fields__)
        if set(given) != set(known):
            raise ConfigError(
                f"{self.kind} '{name_of(choice)}': options {sorted(given)} given; it has {known or 'none'}"
            )
        return None if kind is None else kind.of(given)

    def function(self, choice: Choice, name: str) -> Callable[..., Any]:
        """The entry's function (or class) ``name``, with its ``options`` bound if it has any."""
        found: Callable[..., Any] = getattr(self.load(choice), name)
        return partial(found, options=self.options(choice)) if self.has_options(choice) else found

    def has_options(self, choice: Choice) -> bool:
        """Whether options are given, or the entry's module declares some."""
        declared = any(
            isinstance(node, ast.ClassDef) and node.name == "Options" for node in self._tree(choice)
        )
        return declared or not isinstance(choice, str)

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
        return ast.parse(self._path(choice).read_text()).body


def name_of(choice: Choice) -> str:
    """The name in a choice."""
    return choice if isinstance(choice, str) else str(choice.get("name"))


PREDICTORS = Registry("regression.predictors", "predictor")
TASK_FAMILIES = Registry("regression.families", "task family")
INPUT_LAWS = Registry("regression.inputs", "input law")
ATTENTION = Registry("model.attention", "attention")
OPTIMISERS = Registry("training.optimisers", "optimiser")
SCHEDULES = Registry("training.schedules", "schedule")
PRECONDITIONERS = Registry("llc.preconditioners", "preconditioner")
SAMPLERS = Registry("llc.samplers", "sampler")
