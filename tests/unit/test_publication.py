"""The part of the results that the repository keeps."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, configured
from transient_ridge.artefacts import contents, provenance, trace
from transient_ridge.artefacts.publication import publish
from transient_ridge.artefacts.tables import Rows
from transient_ridge.errors import TableError
from transient_ridge.report.commands import COMMANDS
from transient_ridge.report.quotations import PARTS, find, quote, scorecard_of

RUNS = ("M4-seed0", "Minf-seed0")


def training(M: float, loss: float) -> Rows:
    rows = Rows("training")
    rows.add(
        task_diversity=M, seed=0, step=50, loss=loss, gradient_norm=1.0, rate_factor=1.0
    )  # fmt: skip
    return rows


@pytest.fixture
def results(tmp_path):
    """Results of two runs, with tables of all kinds."""
    root = tmp_path / "results" / "mine"
    for run, M in zip(RUNS, (4, float("inf")), strict=True):
        folder = root / "base" / "runs" / run
        record = provenance.collect({"training": {"steps": 50}}, run=run, device="cpu")
        training(M, 0.5).save(folder / "training.parquet", record)
        Rows("outputs").save(folder / "outputs.parquet", record)
        (folder / "checkpoints").mkdir()
        (folder / "checkpoints" / "step.safetensors").write_text("weights")
    for path in (
        "base/tables/thresholds", "base/tables/softened_outputs", "base/tables/llc_traces",
        "variants/tables/front",
    ):  # fmt: skip
        Rows(path.rpartition("/")[2]).save(root / f"{path}.parquet", provenance.collect({}))
    for path in (
        "base/figures/figure1.png",
        "base/figures/figure1.svg",
        "variants/figures/front.png",
    ):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(path)
        provenance.seal(root / path, provenance.collect({}))
    (root / "base/claims.md").write_text("claims")
    configured(root, RUNS, {"base": {}, "deep": {"model": {"layers": 4}}})
    return root


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_and_what_is_left_out(results, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "published" / "mine"
    kept.mkdir(parents=True)
    (kept / "of-before").write_text("")
    COMMANDS["publish"]([str(results), str(kept)])
    sealed = (
        "figures/figure1.png", "runs/joined/training.parquet", "tables/thresholds.parquet",
        "variants/figures/front.png", "variants/tables/front.parquet",
    )  # fmt: skip
    records = [f"{name}.provenance.json" for name in sealed]
    assert names(kept) == sorted(["claims.md", "config.yaml", *sealed, *records])
    said = capsys.readouterr().out
    assert (
        "0.0 MB; left out: outputs, softened_outputs, llc_traces, llc_calibration_traces, all variants but base"
        in said
    )
    assert publish(results, kept) == sum(p.stat().st_size for p in kept.rglob("*") if p.is_file())


def test_the_joined_table_is_read_like_the_tables_of_runs(results, tmp_path):
    publish(results, tmp_path / "kept")
    before, after = (contents.read_variant(f) for f in (results / "base", tmp_path / "kept"))
    assert set(before) - set(after) == {"outputs", "softened_outputs", "llc_traces"}
    assert after["training"].equals(before["training"])
    assert after["training"]["task_diversity"].tolist() == [4, float("inf")]


def test_its_record_has_what_all_runs_share_and_its_origin(results, tmp_path):
    first, second = (results / f"base/runs/{run}/training.parquet" for run in RUNS)
    beside = provenance.beside(second)
    record = json.loads(beside.read_text())
    record["git"] = {"commit": "0" * 40, "dirty": True}
    beside.write_text(json.dumps(record))
    publish(results, tmp_path / "kept")
    joined = tmp_path / "kept/runs/joined/training.parquet"
    record = provenance.read_beside(joined)
    assert record["settings"] == {"training": {"steps": 50}}
    assert record["device"] == "cpu"
    assert "run" not in record
    assert [item["sha256"] for item in record["inputs"]] == [
        provenance.sha256(path) for path in (first, second)
    ]
    assert provenance.altered(joined) is None
    assert trace.state_of_code(joined) == "MODIFIED"
    assert "2 more" not in "\n".join(trace.describe(joined))


def test_a_table_that_cannot_be_read_stops_it_before_anything_is_replaced(results, tmp_path):
    kept = tmp_path / "kept"
    publish(results, kept)
    before = names(kept)
    path = results / "base/runs/M4-seed0/training.parquet"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(TableError, match=r"M4-seed0/training\.parquet: truncated or altered"):
        publish(results, kept)
    assert names(kept) == before


def test_results_without_a_scorecard_are_refused(tmp_path):
    with pytest.raises(TableError, match=r"results: not a results folder, it has no config\.yaml"):
        publish(tmp_path / "results", tmp_path / "kept")
    configured(tmp_path / "results", RUNS)
    with pytest.raises(TableError, match=r"no claims\.md; run `make reproduce` first"):
        publish(tmp_path / "results", tmp_path / "kept")


def test_what_is_published_here_stays_small():
    folder = ROOT / "results" / "published"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 15e6


SCORECARD = """# Scorecard

| claim | verdict |
|---|---|
| 1 | met |

The LLC counts directions.

| 8a | holds |

Means over 3 seeds.

| M | loss |
"""


def test_pages_quote_the_scorecard_of_their_preset(tmp_path):
    (tmp_path / "claims.md").write_text(SCORECARD)
    (tmp_path / "docs").mkdir()
    other = "<!-- scorecard other -->\nkept\n<!-- end -->\n"
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n<!-- scorecard mine -->\nold\n<!-- end -->\nafter\n{other}")
    page = tmp_path / "docs/results.md"
    page.write_text("<!-- by M mine -->\n<!-- end -->\n<!-- along r mine -->\nold\n<!-- end -->\n")
    for _ in range(2):  # publishing again changes nothing
        assert quote(tmp_path / "claims.md", "mine", tmp_path) == [readme, page]
        table = "| claim | verdict |\n|---|---|\n| 1 | met |\n"
        assert readme.read_text() == (
            f"before\n<!-- scorecard mine -->\n{table}<!-- end -->\nafter\n{other}"
        )
        assert page.read_text() == (
            "<!-- by M mine -->\nMeans over 3 seeds.\n\n| M | loss |\n<!-- end -->\n"
            "<!-- along r mine -->\nThe LLC counts directions.\n\n| 8a | holds |\n<!-- end -->\n"
        )


def test_the_scorecard_of_several_root_seeds_is_quoted_not_that_of_the_first(tmp_path):
    assert scorecard_of(tmp_path) == tmp_path / "claims.md"  # published: base is the folder itself
    (tmp_path / "root-seeds").mkdir()
    (tmp_path / "root-seeds" / "claims.md").touch()
    assert scorecard_of(tmp_path) == tmp_path / "root-seeds" / "claims.md"


@pytest.mark.parametrize("part", PARTS)
def test_the_parts_are_found_in_a_published_scorecard(part):
    assert find((ROOT / "results/published/laptop/claims.md").read_text(), part).count("\n") > 3
