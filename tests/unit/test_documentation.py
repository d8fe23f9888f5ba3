"""The README of the tables, whose examples run; the page of short tables; the summary."""

import re

import pandas as pd
import pytest

from tests.unit.test_figures import synthetic, written
from transient_ridge.artefacts import tables
from transient_ridge.report import tables_page as documentation
from transient_ridge.report.summary import summary

OF_A_RUN = ("training", "losses")
OF_A_VARIANT = ("critical_steps", "claims", "selection")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder of two runs, with its README."""
    root = tmp_path_factory.mktemp("results") / "tiny"
    data = synthetic(grid=(4, float("inf")), seeds=(0,))
    for name in OF_A_VARIANT:
        tables.write(root / f"base/tables/{name}.parquet", name, data[name], {})
    for name in OF_A_RUN:
        frame = pd.DataFrame(data[name], dtype=object)
        for M, rows in frame.groupby("task_diversity"):
            path = root / f"base/runs/M{M}/{name}.parquet"
            tables.write(path, name, rows.to_dict("list"), {})
    documentation.describe_readme("tiny", ["base"], OF_A_RUN, OF_A_VARIANT, root / "README.md")
    return root


def sections(text):
    parts = re.split(r"^## (\w+)$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_table_and_column_is_explained(results):
    found = sections((results / "README.md").read_text())
    assert set(found) == {*OF_A_RUN, *OF_A_VARIANT}
    for table, text in found.items():
        for column, (_, meaning) in tables.TABLES[table].items():
            assert re.search(rf"\| `{column}` \| [\w ]+ \| {re.escape(meaning)} \|", text)


def test_every_known_table_can_be_described():
    for table in tables.TABLES:
        assert documentation._section(table, "x.parquet").count("| `") == len(tables.TABLES[table])


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
@pytest.mark.parametrize("table", [*OF_A_RUN, *OF_A_VARIANT])
def test_the_examples_run(library, table, results, monkeypatch):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install -e '.[dev]'")
    monkeypatch.chdir(results)
    blocks = re.findall(
        r"```python\n(.*?)```", sections((results / "README.md").read_text())[table], re.DOTALL
    )
    (example,) = [block for block in blocks if library in block]
    assert len(example.splitlines()) == 2
    names: dict = {}
    exec(example, names)
    paths = results.glob(f"base/**/{table}.parquet")
    rows = sum(tables.read(path, table).num_rows for path in paths)
    assert len(names["frame"]) == rows > 0
    assert list(names["frame"].columns) == list(tables.TABLES[table])


def test_the_report_page_shows_the_short_tables(tmp_path):
    sources = written(
        tmp_path,
        {name: table for name, table in synthetic().items() if name in documentation.SHORT},
    )
    documentation.describe_report_page(sources, tmp_path / "tables.html")
    text = (tmp_path / "tables.html").read_text()
    assert [name.replace(" ", "_") for name in re.findall("<h2>(.*?)</h2>", text)] == list(
        documentation.SHORT
    )
    frames = pd.read_html(str(tmp_path / "tables.html")) if _lxml() else []
    for frame, name in zip(frames, documentation.SHORT, strict=False):
        assert len(frame.columns) == len(tables.TABLES[name])


def _lxml():
    try:
        import lxml  # noqa: F401
    except ImportError:
        return False
    return True


def test_the_summary_ends_with_where_to_look(results):
    (results / "report.html").write_text("")
    (results / "base" / "explorer.html").write_text("")
    text = summary(results)
    assert f"{results / 'base'}: " in text
    assert "statements hold" in text
    untestable = re.search(r"(\d+) cannot be tested", text)
    assert untestable
    assert text.count("made up") == int(untestable[1])  # the reasons of what could not be measured
    assert str(results / "report.html") in text
    assert str(results / "base" / "explorer.html") in text
