"""A stage: one function from named inputs to named outputs, which the command line runs as one job.

The function's parameters are its inputs, named as in the rule, its settings, and the context of the job
(:data:`CONTEXT`). A parameter annotated with a section of the configuration, or with a :class:`Setting`, is a setting;
the job receives these and depends on no others (:mod:`transient_ridge.config.asked`). A Parquet input is read as the
table of that name: all its files, which must share their settings, as one frame or, if the parameter is a list, as one
frame each. A stage that looks ``across`` variants receives their tables concatenated, with a column ``variant``. Any
other input is passed as its path, or as paths if the parameter is a list. The function returns one artefact per output,
in the order in which the decorator names them.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, get_origin

from .errors import StageError
from .places import PACKAGE, file_of, module_name, syntax

#: What a stage may ask for besides inputs and settings.
CONTEXT = ("settings", "run", "steps", "device", "targets", "scratch", "state_seconds", "cohort")

Function = TypeVar("Function", bound=Callable[..., Any])


class Setting(NamedTuple):
    """Annotates a parameter with the configuration key that it receives: ``Setting("data.noise_variance")``."""

    key: str


class Artefact(Protocol):
    """What a stage returns: a table, a page or a picture."""

    def save(self, path: Path, record: Mapping[str, Any]) -> None:
        """Write the file, complete or not at all, with the ``record`` of how it was made."""
        ...


@dataclass(frozen=True)
class Stage:
    """A function and the names of its outputs. If it writes ``by_itself``, it receives their paths as ``targets``."""

    compute: Callable[..., Any]
    writes: tuple[str, ...]
    tables: tuple[str, ...]
    by_itself: bool
    across: bool

    @property
    def parameters(self) -> list[str]:
        """Names of the function's parameters."""
        return list(inspect.signature(self.compute).parameters)

    @property
    def reads(self) -> list[str]:
        """Names of the inputs."""
        others = {*CONTEXT, "frames", *self.settings}
        return [*self.tables, *(name for name in self.parameters if name not in others)]

    @property
    def settings(self) -> dict[str, Any]:
        """The annotations of the parameters that are settings."""
        return {name: kind for name, kind in self.annotations.items() if is_setting(kind)}

    @property
    def annotations(self) -> dict[str, Any]:
        """Parameter -> annotation."""
        hints = inspect.get_annotations(self.compute, eval_str=True)
        return {name: hints[name] for name in self.parameters}

    def one_by_one(self, name: str) -> bool:
        """Whether the files of the input ``name`` are read one by one."""
        return get_origin(self.annotations.get(name)) is list


def is_setting(annotation: Any) -> bool:
    """Whether a parameter with this annotation is a setting: a section of the configuration, or one of its keys."""
    notes = getattr(annotation, "__metadata__", ())
    return hasattr(annotation, "model_fields") or any(isinstance(note, Setting) for note in notes)


def stage(
    *writes: str, tables: Sequence[str] = (), by_itself: bool = False, across: bool = False
) -> Callable[[Function], Function]:
    """Decorator: the function is the stage of its module, and returns (or writes ``by_itself``) these outputs.

    A stage of many ``tables`` names them here and receives them as ``frames``; ``across`` means that they come from
    several variants.
    """

    def mark(compute: Function) -> Function:
        compute.stage = Stage(compute, writes, tuple(tables), by_itself, across)  # type: ignore[attr-defined]
        return compute

    return mark


def stages() -> list[str]:
    """The modules that define a stage, found without importing them."""
    return sorted(module_name(path) for path in PACKAGE.rglob("[!.]*.py") if _is_marked(path))


def is_stage(name: str) -> bool:
    """Whether the module ``name`` defines a stage, found without importing it or reading any other."""
    path = file_of(name)
    return name.replace(".", "_").isidentifier() and path.is_file() and _is_marked(path)


def _is_marked(path: Path) -> bool:
    text = path.read_text()
    return "\n@stage(" in text or "\n@figure_of(" in text


@cache
def tables_read_by(name: str) -> list[str]:
    """The tables that the stage in the module ``name`` reads, found without importing it."""
    function, call = next(decorations(file_of(name), "stage"))
    for given in call.keywords:
        if given.arg == "tables":
            return list(ast.literal_eval(given.value))
    annotated = [(each.arg, each.annotation) for each in function.args.args if each.annotation]
    return [table for table, kind in annotated if "DataFrame" in ast.unparse(kind)]


def written_by(name: str) -> list[str]:
    """The outputs of the stage in the module ``name``, found without importing it."""
    _, call = next(decorations(file_of(name), "stage"))
    return [ast.literal_eval(output) for output in call.args]


def function_of(name: str) -> ast.FunctionDef:
    """The function of the stage in the module ``name``, found without importing it."""
    function, _ = next(decorations(file_of(name), "stage", "figure_of"))
    return function


def decorations(path: Path, *decorators: str) -> Iterator[tuple[ast.FunctionDef, ast.Call]]:
    """The functions in the file ``path`` that one of ``decorators`` decorates, each with the call of the decorator."""
    for node in syntax(path).body:
        if isinstance(node, ast.FunctionDef):
            for call in node.decorator_list:
                if isinstance(call, ast.Call) and getattr(call.func, "id", "") in decorators:
                    yield node, call


def load(name: str) -> Stage:
    """The stage in the module ``name``. Raises StageError, which lists all stages, if there is none."""
    if not is_stage(name):
        raise StageError(f"stage '{name}': unknown; there are {', '.join(stages())}")
    module = importlib.import_module(f"transient_ridge.{name}")
    found: Stage = getattr(module, function_of(name).name).stage
    return found


def named(pairs: list[str]) -> dict[str, list[Path]]:
    """Name -> files, from NAME=FILE; ``NAME=`` names an input without files."""
    files: dict[str, list[Path]] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        files.setdefault(name, []).extend([Path(path)] if path else [])
    return files


def check(stage: Stage, inputs: dict[str, Any], outputs: dict[str, Any], name: str) -> None:
    """Raise StageError if inputs or outputs are missing or unknown."""
    for what, given, known in (("input", inputs, stage.reads), ("output", outputs, stage.writes)):
        wrong = [f"{what} '{each}' is missing" for each in sorted(set(known) - set(given))]
        wrong += [f"{what} '{each}' is unknown" for each in sorted(set(given) - set(known))]
        if wrong:
            raise StageError(
                f"stage {name}: {'; '.join(wrong)}; its {what}s are {', '.join(known)}"
            )
