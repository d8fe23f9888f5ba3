"""How a configuration key is declared: once, as a dataclass field that says what it may be and what it means.

The JSON schema, the comments of ``config/config.yaml`` and the table in ``config/README.md`` are made from these
declarations (:mod:`transient_ridge.config.generate`). Nothing here imports torch: every cluster job reads it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from .registries import Choice, Registry

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """What a value may be: JSON Schema, and words that complete "KEY = VALUE: must be ..."."""

    schema: Schema
    expects: str

    def whole(self) -> dict[str, Any]:
        """The schema with ``expects`` in it, for messages."""
        return {**self.schema, "expects": self.expects}


@dataclass(frozen=True)
class Key:
    """A declared key. ``origin`` says where the default's value is from."""

    kind: Kind
    meaning: str
    unit: str
    origin: str


#: Default origin of a value.
OURS = "our choice"


def key(kind: Kind, meaning: str, *, unit: str = "", origin: str = OURS) -> Any:
    """A dataclass field that declares a configuration key."""
    return field(metadata={"key": Key(kind, meaning, unit, origin)})


@dataclass(frozen=True)
class Settings:
    """A section of the configuration. No field has a default: every value comes from a configuration file."""

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Build from a validated section; lists become tuples, sections their dataclasses."""
        return cls(**{f.name: _value(f.type, section[f.name]) for f in fields(cls)})

    @classmethod
    def keys(cls) -> dict[str, Key]:
        """Every declared key of this section, in the order of declaration."""
        return {f.name: f.metadata["key"] for f in fields(cls)}

    @classmethod
    def schema(cls) -> dict[str, Any]:
        """JSON schema of this section: every key required, no other allowed."""
        properties = {name: declared.kind.whole() for name, declared in cls.keys().items()}
        return {
            "type": "object",
            "additionalProperties": False,
            "required": list(properties),
            "properties": properties,
        }


def _value(kind: Any, value: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Settings):
        return kind.of(value)
    return tuple(value) if isinstance(value, list) else value


def choices(
    config: Any, schema: Schema, dotted: str = ""
) -> Iterator[tuple[str, Registry, Choice]]:
    """Every choice of a registry's entry that ``config`` makes: its key, the registry, and what is chosen."""
    if "registry" in schema:
        yield dotted, Registry(schema["registry"], dotted), config
    elif isinstance(config, Mapping):
        for name, part in schema.get("properties", {}).items():
            if name in config:
                yield from choices(config[name], part, f"{dotted}.{name}".lstrip("."))
    elif isinstance(config, list | tuple):
        for value in config:
            yield from choices(value, schema.get("items", {}), dotted)


def one_of(*names: str) -> Kind:
    """One of these names."""
    return Kind({"enum": list(names)}, _either(names))


def entry_of(registry: Registry) -> Kind:
    """An entry of ``registry``: its name, or a mapping of name and options."""
    named = {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"enum": registry.names}},
    }
    schema = {"anyOf": [{"enum": registry.names}, named], "registry": registry.package}
    return Kind(schema, _either(registry.names))


def list_of(kind: Kind, expects: str, *, least: int = 0, different: bool = True) -> Kind:
    """A list of values of one kind."""
    schema = {"type": "array", "items": kind.whole(), "minItems": least, "uniqueItems": different}
    return Kind(schema, expects)


def optional(kind: Kind, null: str, *, none: str = "null") -> Kind:
    """``kind``, or the word ``none`` (null by default), whose meaning ``null`` says."""
    absent = {"type": "null"} if none == "null" else {"const": none}
    return Kind({"anyOf": [absent, dict(kind.schema)]}, f"{none} ({null}) or {kind.expects}")


def section(settings: type[Settings]) -> Kind:
    """A section within the configuration."""
    return Kind(settings.schema(), "a section")


def _only(name: str, kind: Kind) -> dict[str, Any]:
    """Schema of a mapping with one key."""
    return {
        "type": "object",
        "required": [name],
        "additionalProperties": False,
        "properties": {name: dict(kind.schema)},
    }


def _number(expects: str, **limits: Any) -> Kind:
    return Kind({"type": "number", **limits}, expects)


def at_least(least: int, why: str = "") -> Kind:
    """Integers from ``least``."""
    return Kind({"type": "integer", "minimum": least}, f"an integer >= {least}{why}")


COUNT = at_least(1)
NATURAL = at_least(0)
POSITIVE = _number("a number > 0", exclusiveMinimum=0)
NOT_NEGATIVE = _number("a number >= 0", minimum=0)
SHARE = _number("a number in [0, 1]", minimum=0, maximum=1)
RISE = _number("a number in (0, 1]", exclusiveMinimum=0, maximum=1)
FALL = _number("a number in [-1, 0)", minimum=-1, exclusiveMaximum=0)
INNER_SHARE = _number("a number in (0, 1)", exclusiveMinimum=0, exclusiveMaximum=1)
DECAY = _number("a number in [0, 1)", minimum=0, exclusiveMaximum=1)
ABOVE_ONE = _number("a number > 1", exclusiveMinimum=1)
YES_OR_NO = Kind({"type": "boolean"}, "true or false")
TEXT = Kind({"type": "string"}, "a name")
NAME_PATTERN = "^[a-z0-9][a-z0-9_-]*$"
NAME = Kind(
    {"type": "string", "pattern": NAME_PATTERN},
    "a name of lower-case letters, digits, '-' and '_'",
)
TASK_DIVERSITY = Kind(
    {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "inf"}]}, "an integer >= 1, or inf"
)
#: A number of updates, or a share of training.
UPDATES = Kind(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        ]
    },
    "an integer >= 0, or a share of training between 0 and 1",
)
#: An exponential moving average, as it may be stated.
AVERAGE = Kind(
    {
        "anyOf": [
            _only("decay", DECAY),
            _only(
                "half_life",
                Kind({"anyOf": [COUNT.schema, *UPDATES.schema["anyOf"][1:]]}, ""),
            ),
        ]
    },
    "{decay: number in [0, 1)} or {half_life: integer >= 1 or share of training between 0 and 1}",
)
STEP = Kind(
    {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"const": "last"},
        ]
    },
    "a step >= 0, a share of training between 0 and 1, or last",
)
STEPS = list_of(STEP, "a list of different steps, shares of training between 0 and 1, or last")


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last
