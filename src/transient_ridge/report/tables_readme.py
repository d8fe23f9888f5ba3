"""The README of a results folder: every table, its columns, and how to read it."""

from collections.abc import Mapping
from typing import Annotated, Any

from ..artefacts.pages import Page
from ..artefacts.schemas import TABLES
from ..config.settings import PresetName
from ..stage import Setting, stage

_TYPES = {
    "int64": "integer",
    "float64": "number",
    "string": "text",
    "bool": "true or false",
    "list<float32>": "list of numbers",
}

_HEAD = """# Tables of {preset}

Made by the pipeline; do not edit. Every table is tidy Parquet, one row per observation. Its schema holds the meaning of
each column, its metadata the settings, run and seeds under `provenance`. The rest of its origin (git commit, versions,
machine, inputs) is in `<name>.provenance.json` beside it.
`task_diversity` is null for M = infinity; losses are in units of y^2.

Variants: {variants}. The examples read `{first}` and run in this folder. They read every run in it, even those that
left the grid; `make clean-leftovers PRESET={preset}` removes these.
"""


@stage("page")
def make_tables_readme(
    preset: PresetName, variants: Annotated[Mapping[str, Any], Setting("variants")]
) -> Page:
    """The README of a results folder, with every table that is not made on request."""
    first = next(iter(variants))
    parts = [_HEAD.format(preset=preset, variants=", ".join(variants), first=first)]
    for name, table in TABLES.items():
        if not table.on_request:
            folder = "variants" if table.scope == "preset" else first
            parts.append(_section(name, f"{folder}/{table.pattern(name)}"))
    return Page("\n".join(parts))


def _section(table: str, path: str) -> str:
    """One table: its path, its columns, and how to load it with three libraries."""
    several = "*" in path
    remark = {"run": ", one file per run", "preset": ", where there are variants to compare"}
    rows = "\n".join(
        f"| `{name}` | {_TYPES[kind]} | {meaning} |"
        for name, (kind, meaning) in TABLES[table].columns.items()
    )
    pandas = (
        f'frame = pandas.concat(map(pandas.read_parquet, glob.glob("{path}")))'
        if several
        else f'frame = pandas.read_parquet("{path}")'
    )
    return f"""## {table}

`{path}`{remark.get(TABLES[table].scope, "")}

| column | type | meaning |
|---|---|---|
{rows}

```python
import {"glob, " if several else ""}pandas
{pandas}
```

```python
import polars
frame = polars.read_parquet("{path}")
```

```python
import duckdb
frame = duckdb.sql("SELECT * FROM '{path}'").df()
```
"""
