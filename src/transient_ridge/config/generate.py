"""Generate the JSON schema, the comments of ``config.yaml`` and the table of keys from the declared keys.

``make config`` runs this; a test fails while a file is out of date.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from .configuration import TRAINED_BY
from .keys import OURS, Key, Settings
from .settings import Configuration

BEGIN, END = "<!-- keys, by make config -->", "<!-- end of keys -->"
WIDTH = 100


def generated(root: Path) -> dict[Path, str]:
    """File -> its contents, for the checkout at ``root``."""
    values, readme = root / "config" / "config.yaml", root / "config" / "README.md"
    rules = "".join(path.read_text() for path in sorted((root / "workflow/rules").glob("*.smk")))
    return {
        root / "workflow" / "schemas" / "config.schema.yaml": schema_file(),
        values: commented(yaml.safe_load(values.read_text())),
        readme: with_table(readme.read_text(), key_table(rules)),
    }


def schema_file() -> str:
    """The JSON schema as YAML, for editors that check and complete configurations."""
    head = "# Made by `make config` from src/transient_ridge/config/settings.py; do not edit.\n"
    return head + yaml.safe_dump(Configuration.schema(), sort_keys=False, width=120)


def commented(values: Mapping[str, Any]) -> str:
    """``values`` as YAML, every key under its meaning."""
    head = """\
# The default preset, `laptop`. Every key of every preset is here; the other presets state only what differs.
# The comments are made by `make config` from src/transient_ridge/config/settings.py. In brackets: the unit, and where
# the value comes from unless it is our choice; 'paper' is arXiv 2501.17745, 'predecessor' is arXiv 2402.02364.
# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml
"""
    return head + "\n".join(_section(Configuration, values, indent=0)) + "\n"


def _section(settings: type[Settings], values: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = "  " * indent
    types = {name: f.type for name, f in settings.__dataclass_fields__.items()}
    for name, declared in settings.keys().items():
        inner = types[name]
        if isinstance(inner, type) and issubclass(inner, Settings):
            yield ""
            yield from _comment((inner.__doc__ or "").split("\n")[0], pad)
            yield f"{pad}{name}:"
            yield from _section(inner, values[name], indent + 1)
            continue
        yield from [""] * (indent == 0)
        yield from _comment(f"{declared.meaning}{_origin(declared)}", pad)
        yield f"{pad}{name}: {_flow(values[name])}"


def _comment(text: str, pad: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ", break_on_hyphens=False
    )


def _origin(declared: Key) -> str:
    known = declared.origin if declared.origin != OURS else ""
    said = "; ".join(part for part in (declared.unit, known) if part)
    return f" [{said}]" if said else ""


def _flow(value: Any) -> str:
    """``value`` on one line, as YAML reads it back."""
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(part)}" for name, part in value.items()) + "}"
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")


def _number(value: float) -> str:
    """Digits without an exponent, which YAML 1.1 would take for text."""
    return f"{value:.12f}".rstrip("0") if 0 < abs(value) < 1e-3 else repr(value)


def key_table(rules: str) -> str:
    """Markdown: every key, what it may be, its unit, its meaning, and the rules that read it."""
    lines = ["| key | may be | meaning | read by |", "|---|---|---|---|"]
    lines += _rows(Configuration, "", readers(rules))
    return "\n".join(lines)


def _rows(
    settings: type[Settings], prefix: str, read_by: list[tuple[str, set[str], set[str]]]
) -> Iterator[str]:
    for name, declared in settings.keys().items():
        dotted = f"{prefix}{name}"
        inner = settings.__dataclass_fields__[name].type
        if isinstance(inner, type) and issubclass(inner, Settings):
            yield from _rows(inner, f"{dotted}.", read_by)
            continue
        readers_of_it = [
            rule
            for rule, keys, without in read_by
            if _covers(keys, dotted) and not _covers(without, dotted)
        ]
        unit = f" ({declared.unit})" if declared.unit else ""
        cells = (
            f"`{dotted}`",
            declared.kind.expects + unit,
            declared.meaning,
            ", ".join(readers_of_it),
        )
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _covers(keys: set[str], dotted: str) -> bool:
    return any(dotted == key or dotted.startswith(f"{key}.") for key in keys)


def readers(rules: str) -> list[tuple[str, set[str], set[str]]]:
    """(rule, the keys its job is given, the keys left out of them), from the text of the rules."""
    found = []
    for block in re.split(r"^(?= *rule )", rules, flags=re.MULTILINE):
        rule = re.match(r" *rule (\w+):", block)
        stage = re.search(r"\*\*stage\((.*?)\n?\s*\),\n", block, flags=re.DOTALL)
        if rule and stage:
            stated, _, without = stage[1].partition("also")[0].partition("without")
            keys = set(re.findall(r'"([\w.]+)"', stated)[1:])
            if "TRAINED_BY" in stated:
                keys |= set(TRAINED_BY)
            found.append((rule[1], keys, set(re.findall(r'"([\w.]+)"', without))))
    return found


def with_table(readme: str, table: str) -> str:
    """``readme`` with ``table`` between its markers."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Write every generated file of this checkout."""
    for path, text in generated(Path(__file__).resolve().parents[3]).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
