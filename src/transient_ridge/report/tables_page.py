"""The short tables as one page of the report."""

import html
import math

from ..artefacts.pages import Page
from ..artefacts.schemas import TABLES
from ..artefacts.tables import Frames
from ..stage import stage


@stage(
    "page",
    tables=(
        "claims",
        "thresholds",
        "selection",
        "critical_steps",
        "pca_variance",
        "pca_robustness",
    ),
)
def make_tables_page(frames: Frames) -> Page:
    """The short tables as one HTML page; of the thresholds, only the last step."""
    sections = []
    for name, table in frames.items():
        frame = table
        if name == "thresholds":
            frame = frame[frame["step"] == frame["step"].max()]
        if "task_diversity" in frame:
            named = frame["task_diversity"].map(lambda M: "inf" if math.isinf(M) else f"{M:g}")
            frame = frame.assign(task_diversity=named)
        known = frame.rename(columns=lambda column: str(column).replace("_", " "))
        body = known.to_html(index=False, na_rep="-", float_format="{:.4g}".format, border=0)
        meanings = "".join(
            f"<li><b>{column.replace('_', ' ')}</b>: {html.escape(meaning)}</li>"
            for column, (_, meaning) in TABLES[name].columns.items()
        )
        sections.append(
            f"<h2>{name.replace('_', ' ')}</h2>{body}"
            f"<details><summary>columns</summary><ul>{meanings}</ul></details>"
        )
    return Page(_PAGE.format(body="".join(sections)))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tables</title><style>
:root {{ color-scheme: light dark; }}
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: left; padding: 0.15rem 0.8rem 0.15rem 0; border-bottom: 1px solid #8885; vertical-align: top; }}
h2 {{ font-size: 1.05rem; margin: 1.4rem 0 0.4rem; }}
</style></head><body>{body}</body></html>
"""
