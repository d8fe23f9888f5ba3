"""The keys of the configuration that a stage asks for in its signature.

A parameter named after a section and annotated with its model receives that section, or the part of it that the model
declares. ``Annotated[float, Setting("data.noise_variance")]`` receives that key. A model without a section, such as
:class:`~.settings.TrainedBy`, receives the keys of the configuration that it declares. Planning reads the annotations
without importing the stage, which would import torch.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Annotated, Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from ..errors import ConfigError
from ..stage import Setting, function_of, is_setting
from . import settings
from .faults import faults
from .section import Section
from .settings import Configuration


class _Part(NamedTuple):
    """What a parameter receives: the part of the configuration at a dotted key, and its type."""

    at: str  # empty for keys of the configuration itself
    kind: Any

    @property
    def keys(self) -> list[str]:
        """The dotted keys of the part."""
        whole = _declared(self.at)
        if not _is_section(self.kind) or self.kind is whole:
            return [self.at]
        return [f"{self.at}.{name}".lstrip(".") for name in self.kind.model_fields]

    def value(self, given: Mapping[str, Any]) -> Any:
        """The part in ``given``. Raises KeyError if it lacks a key."""
        found: Any = given
        for name in filter(None, self.at.split(".")):
            found = found[name]
        return (
            {name: found[name] for name in self.kind.model_fields}
            if _is_section(self.kind)
            else found
        )


@cache
def keys_of(stage: str) -> tuple[str, ...]:
    """The dotted keys that the stage of the module ``stage`` asks for, without importing it."""
    keys: list[str] = []
    arguments = function_of(stage).args
    for parameter in (*arguments.args, *arguments.kwonlyargs):
        kind = _evaluated(parameter.annotation)
        keys += _part(parameter.arg, kind).keys if is_setting(kind) else []
    return tuple(dict.fromkeys(keys))


def _evaluated(annotation: ast.expr | None) -> Any:
    """Evaluate an annotation; None unless it concerns the configuration, because no other names are known here."""
    known = {**vars(settings), "Annotated": Annotated, "Setting": Setting}
    if isinstance(annotation, ast.Subscript) and getattr(annotation.value, "id", "") == "Annotated":
        kind, *notes = annotation.slice.elts  # type: ignore[attr-defined]
        return Annotated[_evaluated(kind) or Any, *(_evaluated(note) for note in notes)]
    with suppress(NameError):
        return eval(ast.unparse(annotation or ast.Constant(None)), known)
    return None


def values(wanted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's settings, typed: ``wanted`` maps parameters to annotations, ``given`` is a part of the configuration.

    Raises ConfigError that lists every fault, missing key and surplus key.
    """
    parts = {parameter: _part(parameter, kind) for parameter, kind in wanted.items()}
    asked = {key for part in parts.values() for key in part.keys}
    wrong = [
        f"{key}: not a setting of this stage"
        for key in _leaves(given)
        if asked.isdisjoint((key, key.partition(".")[0]))
    ]
    found = {}
    for parameter, part in parts.items():
        try:
            value = part.value(given)
            found[parameter] = TypeAdapter(part.kind).validate_python(value)
        except KeyError as error:
            wrong.append(f"{f'{part.at}.{error.args[0]}'.lstrip('.')}: missing")
        except ValidationError as error:
            wrong += faults(error, value, part.kind, part.at)
    if wrong:
        raise ConfigError("these settings do not fit the stage:\n  " + "\n  ".join(wrong))
    return found


def _part(parameter: str, annotation: Any) -> _Part:
    for note in getattr(annotation, "__metadata__", ()):
        if isinstance(note, Setting):
            kind = annotation.__origin__
            return _Part(note.key, kind if _is_section(kind) else _declared(note.key))
    return _Part(parameter if parameter in Configuration.model_fields else "", annotation)


def _declared(dotted: str) -> Any:
    """The declaration at a dotted key: a section, or a type with its constraints."""
    kind: Any = Configuration
    for name in filter(None, dotted.split(".")):
        field = kind.model_fields[name]
        kind = field.annotation
        if not _is_section(kind):
            return Annotated[kind, *field.metadata] if field.metadata else kind
    return kind


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _leaves(given: Mapping[str, Any]) -> Iterator[str]:
    for section, value in given.items():
        named = isinstance(value, Mapping)
        yield from (f"{section}.{name}" for name in value) if named else [section]
