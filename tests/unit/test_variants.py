"""Comparisons of variants: which variants, from which files, and the tables front and averaging."""

import math
from pathlib import Path

import pandas as pd
import pytest

from transient_ridge.__main__ import parser as options
from transient_ridge.__main__ import run
from transient_ridge.analysis.variants.averaging import compare_averaging
from transient_ridge.analysis.variants.front import compute_front, seconds_per_update
from transient_ridge.artefacts import contents, tables
from transient_ridge.artefacts.provenance import seal
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config import presets
from transient_ridge.config.configuration import comparisons
from transient_ridge.errors import TableError


def stated(variants: dict, **changes: dict) -> dict:
    config = presets.read("smoke") | {"variants": variants}
    for section, values in changes.items():
        config[section] |= values
    return config


# -- which variants --------------------------------------------------------------------------


def test_search_compares_all_variants_and_one_training_measured_twice():
    config = presets.read("search")
    assert comparisons(config) == {"front": list(config["variants"]), "averaging": ["base", "raw"]}


@pytest.mark.parametrize("preset", ["laptop", "draws", "smoke"])
def test_presets_without_other_settings_compare_nothing(preset):
    assert comparisons(presets.read(preset)) == {}


def test_raw_weights_kept_beside_the_average_make_a_pair():
    measured_raw = {"evaluation": {"weights": "raw"}}
    config = stated({"raw": measured_raw, "base": {}}, training={"keep_raw": True})
    assert comparisons(config) == {"averaging": ["base", "raw"]}


@pytest.mark.parametrize(
    "raw", [{"training": {"average": None, "batch_size": 16}}, {"training": {"average": {"decay": 0.5}}}]
)  # fmt: skip
def test_a_different_training_or_average_makes_no_pair(raw):
    assert comparisons(stated({"base": {}, "raw": raw})) == {"front": ["base", "raw"]}


# -- from which files ------------------------------------------------------------------------


def distances_of(variant: str, M: float, path: list[tuple[int, float]]) -> Rows:
    rows = Rows("relative_distances")
    for step, relative in path:
        known, ahead = (None, None) if math.isinf(M) else (relative, relative + 0.16)
        rows.add(
            task_diversity=M, seed=0, step=step, ridge=relative, dmmse=1 - relative, ridge_out=1.0,
            dmmse_out=1.0, relative_distance=known, alpha=ahead, residual=0.0, alpha_out=known, residual_out=0.0,
        )  # fmt: skip
    return rows


def critical(M: float, step: int) -> Rows:
    rows = Rows("critical_steps")
    rows.add(task_diversity=M, seed=0, curve="smoothed", step=step, loss=1.0)
    rows.add(task_diversity=M, seed=0, curve="raw", step=0, loss=0.9)
    return rows


def manifest(folder: Path, **record) -> Path:
    """A manifest whose record says ``record``."""
    path = folder / "checkpoints.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")
    made = {"settings": {"training": {"steps": 40}}, "resumed_at_step": 0, "stacked": 1}
    seal(path, made | record)
    return path


#: A run that is far from ridge at first, then near, then at dMMSE; and one that stays half-way.
TURNS = [(0, 0.9), (10, 0.3), (20, 0.6), (30, 0.8), (40, 0.7)]
STAYS = [(0, 0.5), (10, 0.4), (20, 0.5), (30, 0.5), (40, 0.5)]


@pytest.fixture
def files(tmp_path):
    """Inputs of the front of two variants, the second given first."""
    found: dict[str, list[Path]] = {"relative_distances": [], "critical_steps": [], "manifests": []}
    for variant, path, seconds in (("wide", STAYS, 8.0), ("base", TURNS, 4.0)):
        folder = tmp_path / "results" / variant
        for name, rows in (
            ("relative_distances", distances_of(variant, 4, path)),
            ("critical_steps", critical(4, 10)),
        ):
            target = folder / "tables" / f"{name}.parquet"
            rows.save(target, {"settings_hash": variant})
            found[name].append(target)
        found["manifests"].append(manifest(folder / "runs" / "M4-seed0", cpu_seconds=seconds))
    return found


def test_the_tables_of_variants_keep_their_order_and_name_them(files):
    frame = tables.read_across(files["relative_distances"], "relative_distances")
    assert frame["variant"].drop_duplicates().tolist() == ["wide", "base"]
    assert frame.query("variant == 'base'")["relative_distance"].tolist() == [d for _, d in TURNS]


def test_runs_of_a_variant_are_read_together_and_must_share_settings(tmp_path):
    paths = []
    for variant, made in (("base", "a"), ("base", "b"), ("raw", "c")):
        path = tmp_path / variant / "runs" / f"M{len(paths) + 1}-seed0" / "training.parquet"
        Rows("training").save(path, {"settings_hash": made})
        paths.append(path)
    assert tables.read_across([paths[0], paths[2]], "training").empty
    with pytest.raises(TableError, match="made with other settings"):
        tables.read_across(paths, "training")


def test_chunks_belong_to_the_variant_of_their_runs(tmp_path):
    paths = [
        tmp_path / variant / "runs" / "M1-seed0" / "llc" / "0.parquet"
        for variant in ("base", "raw")
    ]
    for path in paths:
        Rows("llc").save(path, {"settings_hash": path.parents[3].name})
    assert tables.read_across(paths, "llc").empty


# -- front -----------------------------------------------------------------------------------


def test_the_front_as_a_job(files, tmp_path):
    """dMMSE-like is judged by alpha and from t_crit on; CPU seconds are proportional to steps."""
    target = tmp_path / "results" / "variants" / "tables" / "front.parquet"
    words = [f"{name}={path}" for name, paths in files.items() for path in paths]
    settings = '{"claims": {"dmmse_like": 0.75}}'
    arguments = options("analysis.variants.front").parse_args(
        ["--inputs", *words, "--outputs", f"front={target}", "--settings", settings]
    )
    run("analysis.variants.front", arguments)
    front = tables.read(target, "front").set_index("variant")
    base, wide = front.loc["base"], front.loc["wide"]
    assert (base["critical_step"], base["dmmse_step"], base["end"]) == (10, 20, 0.7)
    assert (base["relative_distance"], base["core_seconds"]) == pytest.approx((0.3, 2.0))
    assert pd.isna(wide["dmmse_step"])
    assert pd.isna(wide["core_seconds"])
    assert wide["core_seconds_of_training"] == 8.0
    assert contents.read_variant(target.parents[1])["front"].shape == (2, 9)


def test_a_run_of_infinity_is_not_in_the_front(tmp_path):
    frames = {
        "relative_distances": distances_of("base", math.inf, TURNS).frame().assign(variant="base"),
        "critical_steps": critical(math.inf, 10).frame().assign(variant="base"),
    }
    runs = [manifest(tmp_path / "base" / "runs" / "Minf-seed0", cpu_seconds=1.0)]
    assert compute_front(frames, runs, dmmse_like=0.75).records() == []


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"cpu_seconds": 8.0}, 0.2),
        ({"cpu_seconds": 8.0, "resumed_at_step": 20}, 0.4),
        ({"cpu_seconds": 8.0, "resumed_at_step": 40}, None),
        ({"cpu_seconds": 8.0, "stacked": 2}, None),
        ({}, None),
    ],
)
def test_the_time_per_update_counts_only_timed_updates(record, expected, tmp_path):
    assert seconds_per_update(manifest(tmp_path / "M4-seed0", **record)) == expected


# -- averaging -------------------------------------------------------------------------------


def test_the_first_variant_is_averaged_and_the_second_raw(frames):
    given = {}
    for table, column in (("losses", "loss"), ("distances", "distance")):
        rows = frames[table]
        raw = rows.assign(variant="raw", **{column: 2 * rows[column]})
        given[table] = pd.concat([rows.assign(variant="base"), raw])
    made = compare_averaging(given).frame()
    averaged, raw = (
        made[made["weights"] == weights].drop(columns="weights").reset_index(drop=True)
        for weights in ("averaged", "raw")
    )
    for column in ("out_of_distribution", "in_distribution"):
        assert (raw[column] == 2 * averaged[column]).all()
    # A ratio of distances.
    pd.testing.assert_series_equal(raw["relative_distance"], averaged["relative_distance"])
    assert (averaged["relative_distance"].isna() == (averaged["task_diversity"] == math.inf)).all()
    one = averaged.query("task_diversity == 16 and seed == 0").iloc[-1]
    at_end = frames["distances"].query(
        "task_diversity == 16 and seed == 0 and dataset == 'in_distribution' and token.isna() and step == @one.step"
    )
    ridge, dmmse = (
        at_end.query("predictor == @name")["distance"].item() for name in ("ridge", "dmmse")
    )
    assert one["relative_distance"] == pytest.approx(ridge / (ridge + dmmse))
