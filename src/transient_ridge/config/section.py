"""How a section of the configuration is declared: a frozen pydantic model, whose fields are its keys.

The type of a field states what the key may hold, the text below it what the key means, and :func:`key` its unit and
origin. Everything else follows: validation, the messages of :mod:`.faults`, the JSON schema, the comments of
``config/config.yaml`` and the table in ``config/README.md`` (:mod:`.generate`). Text that spells a number counts as
one, because YAML 1.1 reads 1e-3 as text.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_args

from annotated_types import GroupedMetadata, MinLen
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from ..places import texts
from .registries import Choice, Registry, name_of, options_in

INFINITE = float("inf")


class Section(BaseModel):
    """A section of the configuration. No field has a default: every value comes from a configuration file."""

    # Build a model on first use: a job needs few of them.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The schema, with the text below each key as its description."""
        found = handler(schema)
        for name, text in texts(cls).items():
            handler.resolve_ref_schema(found)["properties"][name]["description"] = text
        return found

    @classmethod
    def of(cls, section: Mapping[str, Any]) -> Self:
        """Build from a mapping that may hold further keys."""
        return cls.model_validate({name: section[name] for name in cls.model_fields})

    def stated(self) -> dict[str, Any]:
        """The section as JSON values."""
        return self.model_dump(mode="json")

    def part(self, section: type["Section"]) -> dict[str, Any]:
        """The fields of ``section``, which this one extends."""
        return {name: getattr(self, name) for name in section.model_fields}

    def changed(self, **changes: Any) -> Self:
        """A copy with ``changes``, which are validated."""
        return self.model_validate({**dict(self), **changes})


def key(
    meaning: str | None = None,
    *,
    unit: str = "",
    origin: str = "",
    null: str = "",
    expects: str = "",
) -> Any:
    """Declare a configuration key; ``meaning`` is for keys without a text below them.

    ``origin`` is the source of the default value if it is not our choice, ``null`` the meaning of null. ``expects``
    completes "KEY = VALUE: must be ..." where the type alone gives a poor message.
    """
    notes = {"unit": unit, "origin": origin, "null": null, "expects": expects}
    extra: dict[str, Any] = {name: note for name, note in notes.items() if note}
    return Field(description=meaning, json_schema_extra=extra)


def says(**notes: str) -> Any:
    """Notes on a type for messages: what it ``expects``, ``why`` it has its limit, or what its value ``means``."""
    return Field(json_schema_extra={**notes})


@dataclass(frozen=True)
class Stated:
    """The ``forms`` in which a configuration states a value; it has the annotated type before a stage sees it."""

    forms: Any

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """The schema of the forms."""
        return handler.generate_schema(self.forms)


class OptionsError(ValueError):
    """The options ``stated`` for a registry's entry do not fit their ``model``."""

    def __init__(
        self, model: type[Section], stated: Mapping[str, Any], error: ValidationError
    ) -> None:
        super().__init__(str(error))
        self.model, self.stated, self.error = model, stated, error


@dataclass(frozen=True)
class EntryOf:
    """An entry of ``registry``: its name, or a mapping with its name and options; without options, its name."""

    registry: Registry

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate by :meth:`read`."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A name, or a mapping with one."""
        names = self.registry.names
        named = {"type": "object", "required": ["name"], "properties": {"name": {"enum": names}}}
        return {"anyOf": [{"enum": names}, named], "expects": either(names)}

    def read(self, stated: Any) -> Choice:
        """Read the choice ``stated``. Raises ValueError, or OptionsError if its options are wrong."""
        if not isinstance(stated, str | Mapping) or name_of(stated) not in self.registry.names:
            raise ValueError
        name, given = name_of(stated), options_in(stated)
        options = self.registry.options_model(name)
        if options is None:
            if given:
                raise ValueError(f"'{name}' has no options, got {', '.join(given)}")
            return name
        try:
            return {"name": name, **options.model_validate(given).stated()}
        except ValidationError as error:
            raise OptionsError(options, given, error) from error


def choices(
    stated: Mapping[str, Any], section: type[Section], at: str = ""
) -> Iterator[tuple[str, Registry, Choice]]:
    """Every choice of a registry's entry in a part of ``section``: dotted key, registry and choice."""
    for name, field in section.model_fields.items():
        if name not in stated:
            continue
        value, kind = stated[name], field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from choices(value, kind, f"{at}{name}.")
        within = [note for each in get_args(kind) for note in getattr(each, "__metadata__", ())]
        for note in (*field.metadata, *within):
            if isinstance(note, EntryOf):
                several = isinstance(value, list | tuple)
                for choice in value if several else [value]:
                    yield f"{at}{name}", note.registry, choice


def _number(value: Any) -> Any:
    """``value``, or the number that it spells if it is text. Raises ValueError for true and false."""
    if isinstance(value, bool):
        raise ValueError
    with suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value


@dataclass(frozen=True)
class Several(GroupedMetadata):
    """A list of different values, of at least ``least``; ``expects`` completes "must be ..."."""

    expects: str
    least: int = 1

    def __iter__(self) -> Iterator[object]:
        """The constraints."""
        yield from (MinLen(self.least), AfterValidator(_different), says(expects=self.expects))


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if any(value in values[:i] for i, value in enumerate(values)):
        raise ValueError
    return values


def either(names: Iterable[str]) -> str:
    """``a, b or c``."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


#: A number, or text that spells one.
Read = BeforeValidator(_number)
Finite = Field(allow_inf_nan=False)

Number = Annotated[float, Finite, Read]
Count = Annotated[int, Field(ge=1), Read]
Natural = Annotated[int, Field(ge=0), Read]
Two = Annotated[int, Field(ge=2), Read, says(why="a standard error needs two")]
Positive = Annotated[float, Field(gt=0), Finite, Read]
NotNegative = Annotated[float, Field(ge=0), Finite, Read]
AboveOne = Annotated[float, Field(gt=1), Finite, Read]
Share = Annotated[float, Field(ge=0, le=1), Finite, Read]
InnerShare = Annotated[float, Field(gt=0, lt=1), Finite, Read]
Rise = Annotated[float, Field(gt=0, le=1), Finite, Read]
Fall = Annotated[float, Field(ge=-1, lt=0), Finite, Read]
#: The share of a moving average that stays in one update.
Decay = Annotated[float, Field(ge=0, lt=1), Finite, Read]
Name = Annotated[
    str,
    Field(pattern="^[a-z0-9][a-z0-9_-]*$"),
    says(expects="a name of lower-case letters, digits, '-' and '_'"),
]
Positives = Annotated[tuple[Positive, ...], Several("a list of different numbers > 0")]
_Infinite = Annotated[
    float,
    Field(ge=INFINITE),
    Read,
    WithJsonSchema({"const": "inf"}),
    PlainSerializer(lambda _: "inf", when_used="json"),
]
#: M: an integer, or infinity, which JSON states as "inf".
Diversity = Annotated[float, Stated(Count | _Infinite)]
#: A number of updates; a share of training becomes one before a stage sees it.
Updates = Annotated[
    int,
    Stated(Natural | InnerShare),
    says(expects="an integer >= 0, or a share of training between 0 and 1"),
]
HalfLife = Annotated[int, Stated(Count | InnerShare)]
#: A step of the schedule; a share of training or ``last`` becomes one before a stage sees it.
Step = Annotated[
    int,
    Stated(Natural | InnerShare | Literal["last"]),
    says(expects="a step >= 0, a share of training between 0 and 1, or last"),
]
Steps = Annotated[
    tuple[Step, ...],
    Several("a list of different steps, shares of training between 0 and 1, or last", least=0),
]


def auto(meaning: str) -> Any:
    """The word ``auto``, which becomes a value of this ``meaning`` before a stage sees it."""
    return Annotated[Literal["auto"], says(means=meaning)]
