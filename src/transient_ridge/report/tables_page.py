"""What accompanies the tables: a README that explains them, and a page of the short ones."""

import html
from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

from ..artefacts import tables
from ..artefacts.files import complete_file

#: Tables that are short enough to be read as they are, in the order of the report's page.
SHORT = ("claims", "thresholds", "selection", "critical_steps", "pca_variance", "pca_robustness")

_TYPES = {
    "int64": "integer",
    "double": "number",
    "string": "text",
    "bool": "true or false",
    "list<item: float>": "list of numbers",
}

_HEAD = """# Tables of {preset}

Made by the pipeline; do not edit. Every table is tidy Parquet, one row per observation, with the meaning of each column
in its schema and what made it (settings, git commit, versions, device) in its metadata under `provenance`.
`task_diversity` is null for M = infinity; losses are in units of y^2.

Variants: {variants}. The examples read `{first}` and run in this folder.
"""


def describe_readme(
    preset: str,
    variants: Sequence[str],
    of_a_run: Sequence[str],
    of_a_variant: Sequence[str],
    page: Path,
) -> None:
    """Write the README of a results folder: every table with its columns and how to read it."""
    first = variants[0]
    parts = [_HEAD.format(preset=preset, variants=", ".join(variants), first=first)]
    for table in of_a_variant:
        parts.append(_section(table, f"{first}/tables/{table}.parquet"))
    for table in of_a_run:
        parts.append(_section(table, f"{first}/runs/*/{table}.parquet"))
    with complete_file(page) as partial:
        partial.write_text("\n".join(parts))


def _section(table: str, path: str) -> str:
    """One table: where it is, its columns, and two lines in each of three libraries."""
    several = "*" in path
    rows = "\n".join(
        f"| `{name}` | {_TYPES[str(kind)]} | {meaning} |"
        for name, (kind, meaning) in tables.TABLES[table].items()
    )
    pandas = (
        f'frame = pandas.concat(map(pandas.read_parquet, glob.glob("{path}")))'
        if several
        else f'frame = pandas.read_parquet("{path}")'
    )
    return f"""## {table}

`{path}`{", one file per run" if several else ""}

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


def describe_report_page(sources: Mapping[str, Sequence[Path]], page: Path) -> None:
    """Write the short tables as one HTML page, thresholds at their last step only."""
    frames = tables.read_all(sources)
    sections = []
    for name in SHORT:
        frame = frames[name]
        if name == "thresholds":
            frame = frame[frame["step"] == frame["step"].max()]
        if "task_diversity" in frame:
            named = frame["task_diversity"].map(
                lambda M: "inf" if isnan(M) else f"{M:g}", na_action=None
            )
            frame = frame.assign(task_diversity=named)
        known = frame.rename(columns=lambda column: str(column).replace("_", " "))
        body = known.to_html(index=False, na_rep="-", float_format="{:.4g}".format, border=0)
        meanings = "".join(
            f"<li><b>{column.replace('_', ' ')}</b>: {html.escape(meaning)}</li>"
            for column, (_, meaning) in tables.TABLES[name].items()
        )
        sections.append(
            f"<h2>{name.replace('_', ' ')}</h2>{body}"
            f"<details><summary>columns</summary><ul>{meanings}</ul></details>"
        )
    with complete_file(page) as partial:
        partial.write_text(_PAGE.format(body="".join(sections)))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tables</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid #8885; vertical-align: top; }}
h2 {{ font-size: 1.05rem; margin: 1.4rem 0 0.4rem; }}
</style></head><body>{body}</body></html>
"""
