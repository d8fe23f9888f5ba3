"""Generate the JSON schema, the comments of ``config.yaml`` and the table of keys from their declarations.

``make config`` runs this; a test fails if a file is out of date.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ..places import in_extensions
from .asked import keys_of
from .faults import expects, schema_of
from .settings import Configuration

BEGIN, END = "<!-- keys, by make config -->", "<!-- end of keys -->"
WIDTH = 100


def generated(root: Path) -> dict[Path, str]:
    """File -> its contents, for the checkout at ``root``."""
    values, readme = root / "config" / "config.yaml", root / "config" / "README.md"
    files = [*sorted((root / "workflow/rules").glob("*.smk")), *in_extensions("rules.smk")]
    rules = "".join(path.read_text() for path in files)
    schema = schema_of(Configuration)
    return {
        root / "workflow" / "schemas" / "config.schema.yaml": schema_file(schema),
        values: commented(yaml.safe_load(values.read_text()), schema),
        readme: with_table(readme.read_text(), key_table(schema, readers(rules))),
    }


def schema_file(schema: Mapping[str, Any]) -> str:
    """The JSON schema as YAML, for editors that check and complete configurations."""
    head = "# Made by `make config` from src/transient_ridge/config/settings.py; do not edit.\n"
    about = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of transient-ridge",
    }
    return head + yaml.safe_dump({**about, **schema}, sort_keys=False, width=120)


def commented(values: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """``values`` as YAML, with the meaning above every key."""
    head = """\
# The default preset, `laptop`. Every key of every preset is here; the other presets state only what differs.
# The comments are made by `make config` from src/transient_ridge/config/settings.py. In brackets: the unit, and where
# the value comes from unless it is our choice; 'paper' is arXiv 2501.17745, 'predecessor' is arXiv 2402.02364.
# yaml-language-server: $schema=../workflow/schemas/config.schema.yaml
"""
    return head + "\n".join(_section(schema, values, indent=0)) + "\n"


def _section(schema: Mapping[str, Any], values: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = "  " * indent
    for name, declared in schema["properties"].items():
        if "properties" in declared:
            yield ""
            yield from _comment(declared["description"], pad)
            yield f"{pad}{name}:"
            yield from _section(declared, values[name], indent + 1)
            continue
        yield from [""] * (indent == 0)
        notes = "; ".join(declared[note] for note in ("unit", "origin") if note in declared)
        yield from _comment(declared["description"] + (f" [{notes}]" if notes else ""), pad)
        yield f"{pad}{name}: {_flow(values[name])}"


def _comment(text: str, pad: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}# ", break_on_hyphens=False
    )


def _flow(value: Any) -> str:
    """``value`` on one line, as YAML reads it back."""
    if isinstance(value, float):
        # YAML 1.1 reads an exponent without a point as text.
        return f"{value:.12f}".rstrip("0") if 0 < abs(value) < 1e-3 else repr(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_flow(part)}" for name, part in value.items()) + "}"
    return yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")


def key_table(schema: Mapping[str, Any], read_by: Mapping[str, set[str]]) -> str:
    """Markdown: every key, what it may be, its unit, its meaning, and the rules that read it."""
    lines = ["| key | may be | meaning | read by |", "|---|---|---|---|"]
    return "\n".join([*lines, *_rows(schema, "", read_by)])


def _rows(schema: Mapping[str, Any], prefix: str, read_by: Mapping[str, set[str]]) -> Iterator[str]:
    for name, declared in schema["properties"].items():
        dotted = f"{prefix}{name}"
        if "properties" in declared:
            yield from _rows(declared, f"{dotted}.", read_by)
            continue
        levels = {dotted, *(dotted[: dot.start()] for dot in re.finditer(r"\.", dotted))}
        unit = f" ({declared['unit']})" if "unit" in declared else ""
        rules = ", ".join(rule for rule, keys in read_by.items() if keys & levels)
        cells = (f"`{dotted}`", expects(declared) + unit, declared["description"], rules)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def readers(rules: str) -> dict[str, set[str]]:
    """Rule -> the keys that its stage asks for, found in the text of the rules."""
    stated = re.findall(
        r'^ *(?:use rule \w+ as|rule) (\w+)(?: with)?:(?:(?!^ *(?:use )?rule ).)*?\*\*stage\(\s*"([\w.]+)"',
        rules,
        re.M | re.S,
    )
    derived = re.findall(r'^ +"(\w+)": "([\w.]+)",$', rules, re.M)
    return {rule: set(keys_of(stage)) for rule, stage in [*stated, *derived]}


def with_table(readme: str, table: str) -> str:
    """``readme`` with ``table`` between its markers."""
    before, rest = readme.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    """Write all generated files of this checkout."""
    for path, text in generated(Path(__file__).resolve().parents[3]).items():
        path.write_text(text)


if __name__ == "__main__":
    main()
