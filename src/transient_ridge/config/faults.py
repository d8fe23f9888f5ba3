"""Pydantic's errors as messages ``KEY = VALUE: must be ...``."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .section import OptionsError, either

Schema = Mapping[str, Any]


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a section or type, without references and titles."""
    whole = TypeAdapter(kind).json_schema()
    definitions = whole.pop("$defs", {})

    def plain(part: Any) -> Any:
        if isinstance(part, list):
            return [plain(each) for each in part]
        if not isinstance(part, Mapping):
            return part
        if "$ref" in part:
            named = definitions[part["$ref"].rpartition("/")[2]]
            part = named | {name: value for name, value in part.items() if name != "$ref"}
        titled = isinstance(part.get("title"), str)
        return {
            name: " ".join(each.split()) if name == "description" else plain(each)
            for name, each in part.items()
            if not (titled and name == "title")
        }

    found: dict[str, Any] = plain(whole)
    return found


def faults(error: ValidationError, stated: Any, kind: Any, at: str = "") -> list[str]:
    """A line for each fault in ``stated``, which is not a valid ``kind``; ``at`` is the dotted key of ``stated``."""
    schema = schema_of(kind)
    lines = (line for each in error.errors() for line in _lines(each, stated, schema, at))
    return list(dict.fromkeys(lines))  # the alternatives of a value fail one by one


def _lines(error: ErrorDetails, value: Any, schema: Schema, key: str) -> Iterator[str]:
    rest = list(error["loc"])
    while rest and (inner := _inner(value, schema, rest[0])):
        value, schema = inner
        part = rest.pop(0)
        key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else str(part)
    cause = error.get("ctx", {}).get("error")
    said = str(cause) if cause else ""
    within = f"{key}.{rest[0]}".lstrip(".") if len(rest) == 1 else ""
    if isinstance(cause, OptionsError):
        yield from faults(cause.error, cause.stated, cause.model, key)
    elif within and error["type"] == "missing" and "properties" in schema:
        yield f"{within}: missing"
    elif within and error["type"] == "extra_forbidden" and "properties" in schema:
        known = list(schema["properties"])
        near = difflib.get_close_matches(str(rest[0]), known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}"
        yield f"{within} = {error['input']!r}: unknown key; {hint}"
    elif rest[1:] == ["[key]"]:
        must = said or f"must be {expects(schema['propertyNames'])}"
        yield f"{key}: the name {error['input']!r} {must}"
    elif error["type"] == "finite_number":
        yield f"{key} = {value!r}: must be a finite number"
    else:
        yield f"{key} = {value!r}: {said or f'must be {expects(schema)}'}"


def _inner(value: Any, schema: Schema, part: str | int) -> tuple[Any, Schema] | None:
    """The ``part`` of a value, and its schema; None if either is missing."""
    if isinstance(part, int):
        if not isinstance(value, list | tuple) or part >= len(value):
            return None
        items = schema.get("items") or schema["prefixItems"][part]
        return value[part], items
    if not isinstance(value, Mapping) or part not in value:
        return None
    named = schema.get("properties", {}).get(part) or schema.get("additionalProperties")
    return (value[part], named) if isinstance(named, Mapping) else None


def expects(schema: Schema) -> str:
    """The values that a schema allows: words that complete "must be ..."."""
    kinds = schema.get("anyOf", [])
    null = any(kind.get("type") == "null" for kind in kinds)
    if null:
        meaning = f" ({schema['null']})" if "null" in schema else ""
        others = [kind for kind in kinds if kind.get("type") != "null"]
        other = schema.get("expects") or " or ".join(map(expects, others))
        return f"null{meaning} or {other}"
    if "expects" in schema:
        return str(schema["expects"])
    if kinds:
        return " or ".join(map(expects, kinds))
    if "const" in schema:
        return (
            f"{schema['const']} ({schema['means']})" if "means" in schema else str(schema["const"])
        )
    if "enum" in schema:
        return either(schema["enum"])
    why = f" ({schema['why']})" if "why" in schema else ""
    return _WORDS.get(schema.get("type", ""), "a section") + _limits(schema) + why


_WORDS = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "string": "a name",
}


def _limits(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if (high, below) != (None, None):
        left = f"[{low:g}" if low is not None else f"({above:g}"
        return f" in {left}, {high:g}]" if high is not None else f" in {left}, {below:g})"
    if low is not None:
        return f" >= {low:g}"
    return "" if above is None else f" > {above:g}"
