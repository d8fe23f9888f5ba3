"""The README of the tables, whose examples run; the page of short tables; the summary."""

import re
from html.parser import HTMLParser

import pytest

from tests.conftest import configured, settings_for
from tests.unit import world_tables
from transient_ridge.artefacts import tables
from transient_ridge.artefacts.contents import Contents
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config.runs import Run
from transient_ridge.report.summary import summary
from transient_ridge.report.tables_page import make_tables_page
from transient_ridge.report.tables_readme import make_tables_readme
from transient_ridge.scorecard.statement import TITLES
from transient_ridge.scorecard.verdicts import UNTESTABLE, by_claim, tally

DESCRIBED = [name for name, table in TABLES.items() if not table.on_request]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A results folder of two runs, with its README."""
    root = tmp_path_factory.mktemp("results") / "tiny"
    for name, frame in world_tables.tables(grid=(16, float("inf")), seeds=(0,)).items():
        if TABLES[name].scope != "run":
            folder = "variants" if TABLES[name].scope == "preset" else "base"
            Rows.of(name, frame).save(root / f"{folder}/tables/{name}.parquet", {})
            continue
        for (M, seed), rows in frame.groupby(["task_diversity", "seed"]):
            path = root / f"base/runs/{Run(M, seed).name}/{name}.parquet"
            Rows.of(name, rows).save(path, {})
    settings = {"preset": "tiny", "variants": {"base": {}, "other": {}}}
    make_tables_readme(**settings_for(make_tables_readme, settings)).save(root / "README.md", {})
    return root


@pytest.fixture(scope="module")
def sections(results):
    """Table -> its section of the README."""
    parts = re.split(r"^## (\w+)$", (results / "README.md").read_text(), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


# -- the README ------------------------------------------------------------------------------


def test_every_table_and_column_is_explained(sections):
    assert list(sections) == DESCRIBED
    for table, text in sections.items():
        rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.+) \|$", text, flags=re.MULTILINE)
        assert [(name, meaning) for name, _, meaning in rows] == [
            (name, meaning) for name, (_, meaning) in TABLES[table].columns.items()
        ]


def test_every_type_of_a_column_has_a_plain_name(sections):
    texts = "".join(sections.values())
    kinds = set(re.findall(r"^\| `\w+` \| ([\w ]+) \|", texts, flags=re.MULTILINE))
    assert kinds == {"integer", "number", "text", "true or false", "list of numbers"}


def test_the_variants_are_named(results):
    assert "Variants: base, other. The examples read `base`" in (results / "README.md").read_text()


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_the_examples_run(library, results, sections, monkeypatch):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install -e '.[dev]'")
    monkeypatch.chdir(results)
    for table, text in sections.items():
        blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        (example,) = [block for block in blocks if library in block]
        assert len(example.splitlines()) == 2
        names: dict = {}
        exec(example, names)
        paths = list(results.glob(f"*/**/{table}.parquet"))
        assert len(names["frame"]) == len(tables.read_all(paths, table)) > 0, table
        assert list(names["frame"].columns) == list(TABLES[table].columns)


# -- the page of short tables ----------------------------------------------------------------


class Page(HTMLParser):
    """Titles of a page, and the cells of the table under each."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self._open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self._open.append(tag)
        if tag == "tr":
            self._last.append([])
        if tag in ("td", "th"):
            self._last[-1].append("")

    def handle_endtag(self, tag):
        self._open.pop()

    def handle_data(self, data):
        if not self._open:
            return
        if self._open[-1] == "h2":
            self.tables[data] = []
        if self._open[-1] in ("td", "th"):
            self._last[-1][-1] += data

    @property
    def _last(self):
        return list(self.tables.values())[-1]


@pytest.fixture(scope="module")
def page(frames):
    """The page of the synthetic world: table -> its rows, the names of the columns first."""
    text = make_tables_page({name: frames[name] for name in make_tables_page.stage.tables}).text
    parser = Page()
    parser.feed(text.partition("<body>")[2].partition("</body>")[0])
    return {title.replace(" ", "_"): rows for title, rows in parser.tables.items()}


def test_the_page_shows_every_column_of_the_short_tables(page):
    assert tuple(page) == make_tables_page.stage.tables
    for name, (head, *_) in page.items():
        assert [column.replace(" ", "_") for column in head] == list(TABLES[name].columns)


def test_the_page_shows_every_row_and_only_the_last_thresholds(page, frames):
    for name, (_, *rows) in page.items():
        expected = len(world_tables.SEEDS) if name == "thresholds" else len(frames[name])
        assert len(rows) == expected > 0
    head, *rows = page["thresholds"]
    assert {row[head.index("step")] for row in rows} == {str(world_tables.STEPS[-1])}


def test_the_page_names_infinity_and_leaves_missing_values_empty(page, frames):
    head, *rows = page["critical_steps"]
    found = {row[head.index("task diversity")] for row in rows}
    assert found == {"1", "16", "64", "256", "inf"}
    head, *rows = page["claims"]
    untested = [row for row in rows if row[head.index("verdict")] == UNTESTABLE]
    assert len(untested) == frames["claims"]["value"].isna().sum() > 0
    assert {row[head.index("value")] for row in untested} == {"-"}
    head, *rows = page["selection"]
    assert "1.4" in {row[head.index("loss ridge")] for row in rows}


# -- the summary -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shown(results):
    """The lines of the summary of ``results``."""
    (results / "report.html").write_text("")
    configured(results, runs=["M16-seed0"])
    (results / "base" / "explorer.html").write_text("")
    return summary(Contents(results)).splitlines()


@pytest.fixture(scope="module")
def rows(results):
    """The statements of ``results`` with their verdicts."""
    return tables.read(results / "base/tables/claims.parquet", "claims").to_dict("records")


def test_the_summary_begins_with_the_count_and_ends_with_where_to_look(shown, rows, results):
    assert shown[1] == f"{results / 'base'}: {tally(rows)}"
    for line, path in zip(
        shown[-4:], ("base/explorer.html", "base/figures", "report.html", "README.md"), strict=True
    ):
        assert line.endswith(f" {results / path}")


def test_the_summary_has_a_line_for_each_claim_with_the_statements_that_do_not_hold(shown, rows):
    for line, (claim, found) in zip(shown[2:], by_claim(rows).items(), strict=False):
        assert line.split()[0] == str(claim)
        assert found.verdict in line
        assert line.endswith("; ".join((TITLES[claim], *found.others)))
