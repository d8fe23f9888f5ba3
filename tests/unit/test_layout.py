"""Which files a configuration asks for, and where they are."""

import pytest

from transient_ridge.artefacts.layout import TAKEN, Layout
from transient_ridge.artefacts.schemas import TABLES, judged
from transient_ridge.config import presets
from transient_ridge.config.configuration import overlay
from transient_ridge.errors import ConfigError

FINITE = ["M2-seed0", "M8-seed0"]
ALL = [*FINITE, "Minf-seed0"]


def layout(**changes) -> Layout:
    """The layout of the preset `smoke` with two finite M, M = inf and one seed, and these changes."""
    config = presets.read("smoke") | {"preset": "tiny"}
    base = {"grid": {"task_diversities": [2, 8, "inf"], "seeds": [0]}}
    return Layout(overlay(overlay(config, base), changes))


def having(table, **changes):
    """The runs that have a table."""
    files = layout(**changes).files(table, "base")
    return [path.split("/")[4] for path in files] if files else []


@pytest.mark.parametrize("table", ["losses", "distances", "outputs", "training", "llc", "spectrum"])
def test_most_tables_exist_for_every_run(table):
    assert sorted(set(having(table))) == ALL


@pytest.mark.parametrize("table", ["ridge_on_tasks", "llc_on_tasks", "quadratic_llc_on_tasks"])
def test_comparisons_with_ridge_need_a_run_of_infinite_m(table):
    assert having(table) == FINITE
    assert having(table, grid={"task_diversities": [2, 8]}) == []


@pytest.mark.parametrize(
    ("table", "section"), [("llc_on_tasks", "llc"), ("quadratic_llc_on_tasks", "spectrum")]
)
def test_comparisons_with_the_last_checkpoint_need_it_measured(table, section):
    assert having(table, **{section: {"steps": [0]}}) == []
    assert having(table, **{section: {"steps": [0, "last"]}}) == FINITE


def test_the_llc_on_tasks_is_switched_on():
    assert having("llc_on_tasks", llc={"on_tasks": False}) == []


@pytest.mark.parametrize("table", ["spectrum", "quadratic_llc", "quadratic_llc_on_tasks"])
def test_no_steps_ask_for_no_spectrum(table):
    assert having(table, spectrum={"steps": []}) == []


@pytest.mark.parametrize("table", ["llc", "llc_traces"])
def test_no_steps_ask_for_no_llc(table):
    assert having(table, llc={"steps": []}) == []


def test_tables_of_named_runs_exist_for_these_runs():
    for table in ("llc_calibration", "llc_calibration_traces"):
        assert having(table, llc_calibration={"runs": ["M8-seed0"]}) == ["M8-seed0"]
    assert having("llc_ladder", llc_ladder={"runs": ["M2-seed0"]}) == ["M2-seed0"]


def test_chunks_are_files_and_are_read_joined():
    found = layout(llc={"steps": [0, "last"], "chunk": 1})
    (variant,) = found.variants
    chunks = found.chunks[variant]
    assert len(chunks) == 2
    files = found.files("llc", variant)
    assert files == [
        f"results/tiny/base/runs/{run}/llc/{chunk}.parquet" for run in ALL for chunk in chunks
    ]
    assert found.read("llc", variant) == "results/tiny/base/tables/llc.parquet"
    assert {*files, "results/tiny/base/tables/llc.parquet"} <= set(found.tables())


def test_a_stage_reads_all_runs_of_a_table_or_the_one_table_of_the_variant():
    found = layout()
    assert found.read("losses", "base") == found.files("losses", "base")
    assert found.read("selection", "base") == "results/tiny/base/tables/selection.parquet"
    assert found.read("front", None) == "results/tiny/variants/tables/front.parquet"


def test_tables_on_request_and_comparisons_of_nothing_are_not_targets():
    names = {path.rsplit("/", 1)[1].removesuffix(".parquet") for path in layout().tables()}
    on_request = {name for name, table in TABLES.items() if table.on_request}
    assert not names & (on_request | {"front", "averaging"})
    twice = layout(variants={"base": {}, "wide": {"model": {"d_model": 32}}})
    assert twice.pattern("front") in twice.tables()


def test_root_seeds_have_a_page_of_their_own():
    assert not any("root-seeds" in page for page in layout().pages())
    pooled = layout(variants={"base": {}, "other": {"seed": 1}})
    assert "results/tiny/root-seeds/claims.md" in pooled.pages()


def test_judged_tables_are_made_for_each_variant():
    assert {"relative_distances", "selection", "llc"} <= set(judged())
    assert all(TABLES[name].scope != "preset" for name in judged())


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_a_variant_cannot_have_the_name_of_another_folder(name):
    with pytest.raises(ConfigError, match=rf"^variants: {name}: cannot be .* below results/tiny/"):
        layout(variants={"base": {}, name: {}})
