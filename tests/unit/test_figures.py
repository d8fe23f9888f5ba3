"""Figures show what is in their tables: compared in the axes, not in pixels."""

import importlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex, to_rgb
from transient_ridge.figures.drawing.rendering import render

from transient_ridge.analysis import views as pieces
from transient_ridge.analysis.curves import critical_step, smooth
from transient_ridge.analysis.phases import task_diversity_threshold
from transient_ridge.analysis.selection import Tradeoff
from transient_ridge.artefacts import tables
from transient_ridge.config import runs
from transient_ridge.figures.catalogue import CATALOGUE
from transient_ridge.figures.claims.free_energy import choose
from transient_ridge.figures.curves.phase_diagram import threshold_text
from transient_ridge.figures.drawing import style
from transient_ridge.scorecard.claims import FAILS, HOLDS, UNTESTABLE
from transient_ridge.scorecard.statements import STATEMENTS

INF = math.inf
GRID = (4, 16, 64, INF)
SEEDS = (0, 1)
STEPS = np.unique(np.concatenate([[0], np.geomspace(1, 20000, 29).astype(int)]))
K = 6
DATASETS = ("in_distribution", "out_of_distribution", "root_task")
RIDGE_LOSS = 1.4


def dmmse_loss(M: float) -> float:
    return RIDGE_LOSS + (0.0 if math.isinf(M) else 5 / M**0.6)


def phases(M: float) -> tuple[np.ndarray, np.ndarray]:
    """How far a run has learnt in context (0..1), and how far it has gone over to dMMSE_M (0..1)."""
    learnt = 1 / (1 + (40 / (STEPS + 0.1)) ** 1.3)
    turned = np.zeros(len(STEPS)) if math.isinf(M) else 1 / (1 + (8 * M**1.3 / (STEPS + 0.1)) ** 2)
    return learnt, turned


def ood_loss(M: float, seed: int) -> np.ndarray:
    learnt, turned = phases(M)
    noise = np.random.default_rng([seed, 0 if math.isinf(M) else int(M)]).normal(
        0, 0.02, len(STEPS)
    )
    target = RIDGE_LOSS * (1 - turned) + dmmse_loss(M) * turned
    return (3.3 * (1 - learnt) + target * learnt) * np.exp(noise)


def synthetic(grid=GRID, seeds=SEEDS, components=4) -> dict[str, dict[str, list]]:
    """Columns of every table that a figure reads, with a dip and a rise for small M."""
    data = {
        table: {name: [] for name in tables.TABLES[table]}
        for table in {table for needed in CATALOGUE.values() for table in needed}
    }

    def add(table, **row):
        for name, column in data[table].items():
            column.append(row[name])

    for M in grid:
        for seed in seeds:
            add_run(add, M, seed, components)
            add_llc(add, M, seed)
        add_ideal(add, M)
    add_components(add, grid, components)
    add_phases(add, grid, seeds)
    add_selection(add, grid, seeds)
    add_robustness(add, grid, seeds, components)
    add_claims(add)
    return data


def add_phases(add, grid, seeds):
    finite = sorted(M for M in grid if not math.isinf(M))
    for seed in seeds:
        relative = {}
        for M in grid:
            learnt, turned = phases(M)
            for i, step in enumerate(STEPS.tolist()):
                both = distances(M, learnt[i], turned[i], seed)
                share = None if math.isinf(M) else both["ridge"] / (both["ridge"] + both["dmmse"])
                relative[M, step] = share
                at = {"task_diversity": M, "seed": seed, "step": step}
                add("relative_distances", **at, **both, relative_distance=share)
        for step in STEPS.tolist() if finite else []:
            found = task_diversity_threshold(finite, [relative[M, step] for M in finite])
            estimate = None if math.isnan(found.estimate) else found.estimate
            sides = {"below": found.below, "above": found.above}
            add("thresholds", seed=seed, step=step, threshold=estimate, **sides)


def tradeoff(M):
    return Tradeoff(-2 / M**1.2, -40.0 if M < 8 else 25.0)


def add_selection(add, grid, seeds):
    for M in (M for M in grid if not math.isinf(M)):
        both = tradeoff(M)
        for seed in seeds:
            for kind in ("idealised", "measured"):
                key = {"task_diversity": M, "seed": seed, "losses": kind}
                add(
                    "selection",
                    **key,
                    loss_ridge=RIDGE_LOSS,
                    loss_dmmse=RIDGE_LOSS + both.loss / 4,
                    loss_difference=both.loss,
                    llc_ridge=80.0,
                    llc_dmmse=80 + both.complexity,
                    llc_difference=both.complexity,
                    llc_difference_standard_error=2.0,
                    complexity="measured" if M < 32 else "extrapolated",
                    phase=both.phase,
                    crossover=both.crossover,
                    crossover_low=0.9 * both.crossover,
                    crossover_high=1.1 * both.crossover,
                    crossover_step=both.crossover / 2,
                    critical_step=20 * M,
                    switch_step=None if M > 32 else 30 * M,
                    relative_distance=0.9 if M < 32 else 0.1,
                )
                for n in np.geomspace(1, 1e6, 25).tolist():
                    add("log_odds", **key, n=n, log_odds=float(both.log_odds(np.array(n))))


def add_robustness(add, grid, seeds, components):
    checks = [("sequences", str(B)) for B in (4, 16, 512)]
    checks += [("schedule", name) for name in ("linear", "log", "union")]
    checks += [("left_out", runs.Run(M, seed).name) for M in grid for seed in seeds]
    for i, (check, setting) in enumerate(checks):
        for count in sorted({min(2, components), components}):
            add(
                "pca_robustness",
                check=check,
                setting=setting,
                rows=100,
                sequences=512,
                components=count,
                angle=3.0 * i + count,
                trajectory_distance=0.01 * i + 0.001 * count,
                explained_variance_ratio=0.3 * count / components,
                reference=setting in ("512", "union"),
            )


def add_claims(add):
    for i, statement in enumerate(STATEMENTS):
        verdict = (HOLDS, FAILS, UNTESTABLE)[i % 3]
        add(
            "claims",
            claim=statement.claim,
            part=statement.part,
            statement=statement.text,
            quantity=statement.quantity,
            value=None if verdict == UNTESTABLE else 0.5,
            standard_error=None if verdict == UNTESTABLE else 0.12,
            seeds=2,
            comparison=statement.comparison,
            threshold=0.25,
            verdict=verdict,
            reason="made up",
        )


def add_ideal(add, M):
    for dataset in DATASETS:
        for token in (*range(1, K + 1), None):
            key = {"dataset": dataset, "token": token, "standard_error": 0.01}
            ood = dataset == "out_of_distribution"
            ideal = dmmse_loss(M) if ood else 2 * RIDGE_LOSS - dmmse_loss(M) ** 0.5
            values = {"ridge": RIDGE_LOSS, "dmmse": RIDGE_LOSS if math.isinf(M) else ideal}
            if dataset == "in_distribution" and not math.isinf(M):
                values["ridge"] = RIDGE_LOSS - 0.3 / M
            for predictor, loss in values.items():
                add("idealised_losses", task_diversity=M, predictor=predictor, loss=loss, **key)


def add_components(add, grid, components):
    for component in range(1, components + 1):
        add(
            "pca_variance",
            component=component,
            explained_variance=10 / component,
            explained_variance_ratio=0.4 / component,
        )
        for M in [M for M in grid if not math.isinf(M)] + [INF]:
            predictor = "ridge" if math.isinf(M) else "dmmse"
            coordinate = position(M, 1.0, float(not math.isinf(M)))[component - 1]
            add(
                "pca_idealised",
                task_diversity=M,
                predictor=predictor,
                component=component,
                coordinate=coordinate,
            )
        shares = np.arange(K, 0, -1.0) ** component
        for token, loading in enumerate(shares / shares.sum(), start=1):
            add("pca_loadings", component=component, token=token, loading=loading)


def position(M, learnt, turned):
    """A point of the function space, after Figure 1: PC2 is the ridge-dMMSE axis."""
    reach = 0.0 if math.isinf(M) else 1.2 / M**0.35
    return (
        20 * learnt - 10 + 3 * reach * turned,
        -5 * learnt + 14 * reach * turned,
        6 * reach * turned * (1 - 2 * turned),
        4 * learnt * (1 - learnt) + 2 * turned * reach,
        learnt**2,
        turned**2,
        learnt * turned,
    )


def add_run(add, M, seed, components):
    key = {"task_diversity": M, "seed": seed}
    learnt, turned = phases(M)
    ood = ood_loss(M, seed)
    raw = {
        "out_of_distribution": ood,
        "in_distribution": 3.3 * (1 - learnt) + learnt * (RIDGE_LOSS - 0.8 * turned) + 0.02 * seed,
        "root_task": 3.0 * (1 - learnt) + learnt * (1.2 - 0.7 * turned) + 0.02 * seed,
    }
    for name, curve in (("raw", ood), ("smoothed", smooth(STEPS.astype(float), ood, 0.3))):
        step, loss = critical_step(STEPS, curve)
        add("critical_steps", **key, curve=name, step=step, loss=loss)
    even = {name: smooth(STEPS.astype(float), values, 0.3) for name, values in raw.items()}
    for i, step in enumerate(STEPS.tolist()):
        at = {**key, "step": step}
        for dataset in DATASETS:
            for token in (1, None):
                where = {"dataset": dataset, "token": token}
                add("losses", **at, **where, loss=raw[dataset][i], standard_error=0.01)
                add("smoothed_losses", **at, **where, loss=even[dataset][i])
                if dataset == "in_distribution":
                    for predictor, distance in distances(M, learnt[i], turned[i], seed).items():
                        add(
                            "distances",
                            **at,
                            **where,
                            predictor=predictor,
                            distance=distance,
                            standard_error=0.01,
                        )
        if step:
            row = {"loss": raw["in_distribution"][i], "gradient_norm": 1.0, "rate_factor": 1.0}
            add("training", **at, **row)
        for component, value in enumerate(position(M, learnt[i], turned[i])[:components], start=1):
            wiggle = 0.3 * math.sin(3 * i + 2 * seed + component)
            add("pca_trajectories", **at, component=component, coordinate=value + wiggle)


LLC_STEPS = (0, 100, 20000)
SWEEP = [
    (n_beta, gamma, epsilon)
    for n_beta in (100.0, 1000.0)
    for gamma in (10.0, 100.0)
    for epsilon in (1e-5, 1e-4)
]


def coefficient(M, step):
    """Grows with M and with training; infinity is where M = 40 would be."""
    return 20 * math.log2(2 + (40 if math.isinf(M) else M)) * (0.2 + 0.8 * step / 20000)


def an_estimate(llc, healthy=True):
    unpaired = None if llc is None else llc + 3
    return {
        "llc": llc, "standard_error": 1.5, "llc_unpaired": unpaired, "standard_error_unpaired": 6.0,
        "centre_loss": 1.0, "mean_loss": 1.05, "r_hat": 1.01, "ess": 300.0, "share_below": 0.02,
        "mala_acceptance": 0.93, "distance": 12.0, "gradient_norm": 0.01, "noise_norm": 1.3,
        "healthy": healthy, "fault": None if healthy else "ESS 12 < 100",
    }  # fmt: skip


def add_llc(add, M, seed):
    key = {"task_diversity": M, "seed": seed}
    source = np.random.default_rng(seed)
    for step in LLC_STEPS:
        llc = coefficient(M, step) + 2 * seed
        at = {**key, "step": step, "component": "all"}
        add("llc", **at, token=None, **an_estimate(llc, healthy=step > 0))
        for chain in range(2):
            noise = source.normal(0, 0.01, (2, 40))
            traces = {"losses": 1.05 + noise[0], "centre_losses": 1 + noise[1] / 10}
            add("llc_traces", **at, chain=chain, **traces)
    for backend, shift in (("stacked", 0.0), ("devinterp", 1.0)):
        row = an_estimate(llc + shift)
        add("llc_crosscheck", **key, step=step, backend=backend, **row, seconds=1.0, z=shift)
    if seed == 0:
        for n_beta, gamma, epsilon in SWEEP:
            hyper = {"n_beta": n_beta, "gamma": gamma, "epsilon": epsilon}
            diverged = (n_beta, epsilon) == (1000.0, 1e-4)
            row = an_estimate(None if diverged else llc, healthy=not diverged)
            best = (n_beta, gamma, epsilon) == SWEEP[0]
            add("llc_calibration", **key, step=step, **hyper, **row, recommended=best)
            if not diverged:
                for chain in range(2):
                    add("llc_calibration_traces", **key, step=step, **hyper, chain=chain, **traces)


def distances(M, learnt, turned, seed):
    gap = 0.0 if math.isinf(M) else 0.8 / M**0.4
    far = 2.2 * (1 - learnt) ** 1.5 + 0.02 * (1 + seed)
    return {"ridge": far + gap * turned, "dmmse": far + gap * (1 - turned)}


def written(folder, data) -> dict[str, list]:
    """``data`` as Parquet files; the losses in one file per M, as the workflow has them."""
    paths = {}
    for table, columns in data.items():
        frame = pd.DataFrame(columns, dtype=object)
        parts = (
            [part for _, part in frame.groupby("task_diversity")] if table == "losses" else [frame]
        )
        paths[table] = []
        for part in parts:
            path = folder / f"{table}-{len(paths[table])}.parquet"
            tables.write(path, table, part.to_dict("list"), {"settings_hash": "0123"})
            paths[table].append(path)
    return paths


def read(paths) -> dict[str, pd.DataFrame]:
    return {
        table: pd.concat([tables.read(path, table).to_pandas() for path in files])
        for table, files in paths.items()
    }


def needed(figure, frames):
    return {table: frames[table] for table in CATALOGUE[figure]}


def draw(figure, frames):
    module = importlib.import_module(f"transient_ridge.figures.{figure}")
    with mpl.rc_context(style.STYLE):
        return module.draw(needed(figure, frames))


def laid_out(figure, frames):
    with mpl.rc_context(style.STYLE):
        drawn = draw(figure, frames)
        FigureCanvasAgg(drawn)
        drawn.draw_without_rendering()
    return drawn


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return written(tmp_path_factory.mktemp("tables"), synthetic())


@pytest.fixture(scope="module")
def frames(paths):
    return read(paths)


@pytest.fixture(scope="module")
def colours():
    return style.DiversityColours(GRID)


def panels(figure):
    """Axes that show data: not the strip of colours."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def lines(axes) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Lines by the name of their run or M."""
    return {
        line.get_label()[1:]: (np.asarray(line.get_xdata()), np.asarray(line.get_ydata()))
        for line in axes.lines
        if re.match(r"_(M?\d|M?inf)", line.get_label())
    }


def marks(axes, kind) -> list[tuple[float, float, str]]:
    """Positions and colours of the points of a kind, sorted."""
    shape = style._MARKERS[kind]["marker"]
    return sorted(
        (
            float(line.get_xdata()[0]),
            float(line.get_ydata()[0]),
            to_hex(line.get_markeredgecolor() if kind == style.CRITICAL else line.get_markerfacecolor()),
        )
        for line in axes.lines
        if line.get_marker() == shape
    )  # fmt: skip


def same(found, expected):
    expected = sorted(expected)
    assert [row[2] for row in found] == [row[2] for row in expected]
    np.testing.assert_allclose(
        [row[:2] for row in found], [row[:2] for row in expected], rtol=1e-12
    )


def of_run(frame, M, seed):
    at = frame["task_diversity"].isna() if math.isinf(M) else frame["task_diversity"] == M
    return frame[at & (frame["seed"] == seed)].sort_values("step")


ALL_RUNS = [runs.Run(M, seed) for M in GRID for seed in SEEDS]


def of_label(text):
    return {style.label(M): M for M in GRID}[text]


# -- the catalogue ---------------------------------------------------------------------------


def test_the_catalogue_names_known_tables_and_every_figure_module():
    assert {table for needed in CATALOGUE.values() for table in needed} <= set(tables.TABLES)
    folder = Path(style.__file__).parent
    with_draw = {
        path.stem
        for path in folder.glob("*.py")
        if re.search(r"^def draw\(", path.read_text(), re.MULTILINE)
    }
    assert with_draw == set(CATALOGUE)


@pytest.mark.parametrize("figure", CATALOGUE)
def test_a_figure_reads_its_catalogued_tables_and_leaves_no_global_state(figure, frames):
    used = set()

    class Recorder(dict):
        def __getitem__(self, table):
            used.add(table)
            return super().__getitem__(table)

    before = dict(mpl.rcParams)
    with mpl.rc_context(style.STYLE):
        importlib.import_module(f"transient_ridge.figures.{figure}").draw(Recorder(frames))
    assert used == set(CATALOGUE[figure])
    assert dict(mpl.rcParams) == before
    assert pyplot.get_fignums() == []


def test_the_catalogue_imports_nothing_heavy():
    code = "import sys, transient_ridge.figures.catalogue; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"matplotlib", "torch", "pandas", "numpy", "pyarrow"} & set(done.stdout.split())


def test_every_figure_has_a_caption():
    report = Path(__file__).parents[2] / "workflow" / "report"
    for figure in CATALOGUE:
        assert len((report / f"{figure}.rst").read_text().split()) > 40
    assert {path.stem for path in report.glob("*.rst")} >= set(CATALOGUE)


# -- colours and pieces ----------------------------------------------------------------------


def test_colours_are_injective_and_get_lighter_with_diversity():
    grid = [2**power for power in range(16)] + [182, 362, INF]
    colours = style.DiversityColours(grid)
    assert len({colours[M] for M in grid}) == len(grid)
    assert colours[INF] == "#000000"
    lightness = [np.dot((0.2126, 0.7152, 0.0722), to_rgb(colours[M])) for M in sorted(grid)[:-1]]
    assert np.all(np.diff(lightness) > 0)
    assert lightness[-1] < 0.75  # visible on white


def test_colours_of_a_grid_of_one():
    assert style.DiversityColours([16])[16] != style.DiversityColours([INF])[INF]
    assert style.DiversityColours([]).values == []


def test_null_is_infinity():
    frame = pd.DataFrame({"task_diversity": [np.nan, 4.0, 16.0, np.nan]})
    assert [M for M, _ in pieces.by_diversity(frame)] == [4, 16, INF]
    assert style.colours_of(frame).values == [4, 16, INF]
    assert style.label(INF) == "∞"


def test_ridge_is_one_level_only_where_it_is_one_number(frames):
    levels = pieces.idealised_levels(frames["idealised_losses"], "out_of_distribution")
    assert levels == {
        **{("dmmse", M): pytest.approx(dmmse_loss(M)) for M in GRID[:-1]},
        ("ridge", INF): RIDGE_LOSS,
    }
    levels = pieces.idealised_levels(frames["idealised_losses"], "in_distribution")
    assert {M for predictor, M in levels if predictor == "ridge"} == set(GRID)


# -- Figure 1 --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def figure1(frames):
    return draw("figure1", frames)


def test_figure1_a_mean_and_range_over_seeds(figure1, frames):
    axes = panels(figure1)[0]
    drawn = lines(axes)
    assert set(drawn) == {str(M) for M in GRID}
    losses = pieces.averages(frames["smoothed_losses"], "out_of_distribution")
    for band, M in zip(axes.collections, GRID, strict=True):
        seeds = np.array([of_run(losses, M, seed)["loss"] for seed in SEEDS])
        steps, mean = drawn[str(M)]
        np.testing.assert_array_equal(steps, STEPS)
        np.testing.assert_allclose(mean, seeds.mean(axis=0))
        corners = band.get_paths()[0].vertices[:, 1]
        assert (corners.min(), corners.max()) == (seeds.min(), seeds.max())
    assert axes.get_xlabel() == "training step"
    assert axes.transData.transform((0, 2))[0] < axes.transData.transform((1, 2))[0]


def test_figure1_a_critical_steps_and_levels(figure1, frames, colours):
    axes = panels(figure1)[0]
    critical = frames["critical_steps"]
    critical = critical[critical["curve"] == "smoothed"]
    same(
        marks(axes, style.CRITICAL),
        [(r.step, r.loss, colours[pieces.diversity(r.task_diversity)]) for r in critical.itertuples()],
    )  # fmt: skip
    same(
        sorted((y, y, colour) for _, y, colour in marks(axes, style.DMMSE)),
        [(dmmse_loss(M), dmmse_loss(M), colours[M]) for M in GRID[:-1]],
    )
    assert [y for _, y, _ in marks(axes, style.RIDGE)] == [RIDGE_LOSS]


def plane_checked(axes, frames, colours, first, second):
    drawn = lines(axes)
    assert set(drawn) == {run.name for run in ALL_RUNS}
    ends = []
    for run in ALL_RUNS:
        rows = of_run(frames["pca_trajectories"], *run)
        x, y = (rows[rows["component"] == c]["coordinate"].to_numpy() for c in (first, second))
        np.testing.assert_array_equal(drawn[run.name], (x, y))
        ends.append((x[-1], y[-1], colours[run.task_diversity]))
    same(marks(axes, style.END), ends)
    ideal = frames["pca_idealised"].pivot(
        index=["task_diversity", "predictor"], columns="component", values="coordinate"
    )
    points = {
        kind: [
            (row[first], row[second], colours[pieces.diversity(M)])
            for (M, predictor), row in ideal.iterrows()
            if predictor == kind
        ]
        for kind in ("ridge", "dmmse")
    }
    same(marks(axes, style.RIDGE), points["ridge"])
    same(marks(axes, style.DMMSE), points["dmmse"])


def test_figure1_b_trajectories(figure1, frames, colours):
    axes = panels(figure1)[1]
    plane_checked(axes, frames, colours, 1, 2)
    assert axes.get_xlabel() == "PC1 (40.0 %)"
    assert axes.get_ylabel() == "PC2 (20.0 %)"


def test_figure1_c_distances(figure1, frames, colours):
    axes = panels(figure1)[2]
    drawn = lines(axes)
    rows = pieces.averages(frames["distances"], "in_distribution")
    ends, rings = [], []
    t_crit = pieces.critical_points(frames["critical_steps"], "smoothed")
    for run in ALL_RUNS:
        of_both = of_run(rows, *run)
        path = {
            predictor: of_both[of_both["predictor"] == predictor].set_index("step")["distance"]
            for predictor in ("ridge", "dmmse")
        }
        np.testing.assert_array_equal(drawn[run.name], (path["ridge"], path["dmmse"]))
        colour = colours[run.task_diversity]
        last, at = STEPS[-1], t_crit[run][0]
        ends.append((path["ridge"][last], path["dmmse"][last], colour))
        rings.append((path["ridge"][at], path["dmmse"][at], colour))
    same(marks(axes, style.END), ends)
    same(marks(axes, style.CRITICAL), rings)


# -- the other figures -----------------------------------------------------------------------


def test_in_distribution_losses(frames, colours):
    for axes, dataset in zip(
        panels(draw("in_distribution_losses", frames)),
        ("in_distribution", "root_task"),
        strict=True,
    ):
        rows = pieces.averages(frames["smoothed_losses"], dataset)
        for name, (_, mean) in lines(axes).items():
            M = runs.parse_task_diversity(name)
            np.testing.assert_allclose(
                mean, np.mean([of_run(rows, M, seed)["loss"] for seed in SEEDS], axis=0)
            )
        expected = pieces.idealised_levels(frames["idealised_losses"], dataset)
        found = {(y, c) for kind in ("dmmse", "ridge") for _, y, c in marks(axes, kind)}
        assert found == {(loss, colours[M]) for (_, M), loss in expected.items()}


def test_raw_curves(frames):
    raw, even = panels(draw("raw_curves", frames))
    for axes, table, curve in ((raw, "losses", "raw"), (even, "smoothed_losses", "smoothed")):
        rows = pieces.averages(frames[table], "out_of_distribution")
        drawn = lines(axes)
        for run in ALL_RUNS:
            np.testing.assert_array_equal(drawn[run.name][1], of_run(rows, *run)["loss"])
        critical = frames["critical_steps"]
        assert [x for x, *_ in marks(axes, style.CRITICAL)] == sorted(
            critical[critical["curve"] == curve]["step"]
        )


def test_pc_over_time(frames, colours):
    drawn = panels(draw("pc_over_time", frames))
    assert [axes.get_ylabel()[:3] for axes in drawn] == ["PC1", "PC2", "PC3", "PC4"]
    for component, axes in enumerate(drawn, start=1):
        rows = frames["pca_trajectories"]
        rows = rows[rows["component"] == component]
        for name, (steps, mean) in lines(axes).items():
            M = runs.parse_task_diversity(name)
            expected = np.mean([of_run(rows, M, seed)["coordinate"] for seed in SEEDS], axis=0)
            np.testing.assert_array_equal(steps, STEPS)
            np.testing.assert_allclose(mean, expected)
        assert len(marks(axes, style.DMMSE)) == len(GRID) - 1


def test_pc_pairs(frames, colours):
    drawn = [axes for axes in panels(draw("pc_pairs", frames)) if axes.axison]
    pairs = [(1, 2), (1, 3), (2, 3), (1, 4), (2, 4), (3, 4)]
    for axes, pair in zip(drawn, pairs, strict=True):
        plane_checked(axes, frames, colours, *pair)


def test_token_loadings(frames):
    drawn = panels(draw("token_loadings", frames))
    for component, axes in enumerate(drawn, start=1):
        rows = frames["pca_loadings"]
        rows = rows[rows["component"] == component]
        bars = axes.patches
        np.testing.assert_allclose(
            [bar.get_x() + bar.get_width() / 2 for bar in bars], rows["token"]
        )
        np.testing.assert_allclose([bar.get_height() for bar in bars], rows["loading"])
        assert axes.lines[0].get_ydata()[0] == 1 / K


def test_training_curves(frames):
    (axes,) = panels(draw("training_curves", frames))
    for name, (steps, mean) in lines(axes).items():
        M = runs.parse_task_diversity(name)
        seeds = [of_run(frames["training"], M, seed) for seed in SEEDS]
        np.testing.assert_array_equal(steps, STEPS[1:])
        np.testing.assert_allclose(mean, np.mean([rows["loss"] for rows in seeds], axis=0))


def named(axes, label) -> list:
    """Lines of an axes with this label."""
    return [line for line in axes.lines if line.get_label() == label]


def test_phase_diagram(frames):
    figure = draw("phase_diagram", frames)
    axes, bar = figure.axes
    (mesh,) = axes.collections
    relative = frames["relative_distances"].dropna(subset=["relative_distance"])
    expected = relative.groupby(["task_diversity", "step"])["relative_distance"].mean().unstack()
    np.testing.assert_allclose(mesh.get_array().reshape(expected.shape), expected)
    assert mesh.get_clim() == (0, 1)
    edges = mesh.get_coordinates()[0, :, 0]
    assert ((edges[:-1] < STEPS) & (edges[1:] > STEPS)).all()
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["4", "16", "64"]
    assert bar.get_ylabel() == "relative distance"
    critical = frames["critical_steps"].dropna(subset=["task_diversity"])
    critical = critical[critical["curve"] == "smoothed"]
    rings = [(x, y) for x, y, colour in marks(axes, style.CRITICAL) if colour != "#ffffff"]
    rows = critical["task_diversity"].map({4: 0, 16: 1, 64: 2})
    assert sorted(rings) == sorted(zip(critical["step"].astype(float), rows, strict=True))
    triangles = [line for line in named(axes, "_crossover") if line.get_marker() == "^"]
    assert sorted({(line.get_xdata()[0], line.get_ydata()[0]) for line in triangles}) == [
        (tradeoff(M).crossover / 2, row) for M, row in ((16, 1), (64, 2))
    ]
    borders = named(axes, "_threshold")
    assert len(borders) == len(SEEDS)
    for seed, line in zip(SEEDS, borders, strict=True):
        rows = frames["thresholds"]
        rows = rows[rows["seed"] == seed].sort_values("step")
        assert rows["threshold"].notna().any()
        np.testing.assert_allclose(4 * 4 ** line.get_ydata(), rows["threshold"])


def test_the_threshold_is_read_off_with_its_uncertainty():
    def text(*values, above=64):
        rows = {
            "seed": range(len(values)),
            "step": 9,
            "threshold": values,
            "below": 16,
            "above": above,
        }
        return threshold_text(pd.DataFrame(rows))

    assert text(32.0) == "threshold at the end of training: $M$ = 32, in the grid between 16 and 64"
    error = 2 ** (np.std([4, 6], ddof=1) / 2**0.5)
    assert f"$M$ = 32 $\\times\\div$ {error:.2f} (standard error, 2 seeds)" in text(16.0, 64.0)
    assert text(32.0, math.nan) == "no threshold within the grid at the end of training"
    assert threshold_text(pd.DataFrame({"threshold": [], "step": []})) == "no finite $M$"


def test_selection(frames, colours):
    loss, complexity, odds, prediction = panels(draw("selection", frames))
    (line,) = named(loss, "_measured")
    np.testing.assert_allclose(line.get_ydata(), [-tradeoff(M).loss for M in GRID[:-1]])
    assert len(complexity.containers) == (len(GRID) - 1) * len(SEEDS)
    curves = lines(odds)
    assert set(curves) == {run.name for run in ALL_RUNS if not math.isinf(run.task_diversity)}
    n, values = curves["M64-seed1"]
    np.testing.assert_allclose(values, tradeoff(64).log_odds(n))
    assert {(x, y) for x, y, _ in marks(prediction, style.CRITICAL)} == {
        (tradeoff(M).crossover / 2, 20 * M) for M in (16, 64)
    }


def test_free_energies_cross_at_n(frames):
    figure = draw("free_energy", frames)
    drawn = panels(figure)
    assert [axes.get_title(loc="left") for axes in drawn] == ["$M$ = 4", "$M$ = 16", "$M$ = 64"]
    for axes, M in zip(drawn, GRID[:-1], strict=True):
        (ridge,), (dmmse,) = named(axes, "_ridge"), named(axes, "_dmmse")
        n = ridge.get_xdata()
        difference = dmmse.get_ydata() - ridge.get_ydata()
        np.testing.assert_allclose(difference, tradeoff(M).log_odds(n), rtol=1e-6, atol=1e-6)
        marked = {line.get_xdata()[0] for line in named(axes, "_crossover")}
        assert marked == ({tradeoff(M).crossover} if M > 4 else set())


def test_free_energy_prefers_a_middle_m_that_crosses():
    rows = pd.DataFrame({"task_diversity": [1, 2, 4, 8, 16], "crossover": [0, 0, 0, 50, math.inf]})
    assert choose(rows) == [1, 8, 16]
    assert choose(rows.assign(crossover=0.0)) == [1, 4, 16]
    assert choose(rows.iloc[:2]) == [1, 2]


@pytest.mark.parametrize("figure", ["phase_diagram", "selection", "free_energy"])
def test_without_llc_a_panel_says_so(figure, frames):
    bare = {
        name: frame.assign(
            **{column: np.nan for column in frame if re.match("llc|crossover|log_odds", column)}
        )
        for name, frame in frames.items()
    }
    drawn = draw(figure, bare)
    said = [text.get_text() for axes in drawn.axes for text in axes.texts]
    assert said == {"phase_diagram": 0, "selection": 3, "free_energy": 3}[figure] * [
        "LLC not measured"
    ]


def test_pca_robustness(frames):
    distance, angle, _ = panels(draw("pca_robustness", frames))
    names = [tick.get_text() for tick in distance.get_yticklabels()]
    assert names == [
        "$B$ = 4", "$B$ = 16", "linear checkpoints", "log checkpoints",
        "without $M$ = 4", "without $M$ = 16", "without $M$ = 64", "without $M$ = ∞",
    ]  # fmt: skip
    table = frames["pca_robustness"]
    worst = table[(table["setting"].str.startswith("M16-")) & (table["components"] == 2)]
    for axes, column in ((distance, "trajectory_distance"), (angle, "angle")):
        (line,) = named(axes, "_2")
        assert line.get_xdata()[names.index("without $M$ = 16")] == worst[column].max()


def test_scorecard(frames):
    (axes,) = panels(draw("scorecard", frames))
    written = [text.get_text() for text in axes.texts]
    for statement in STATEMENTS:
        assert f"{statement.claim}{statement.part}" in written
    for verdict in (HOLDS, FAILS, UNTESTABLE):
        count = (frames["claims"]["verdict"] == verdict).sum()
        assert len(named(axes, "_" + verdict)) == count
    assert written.count("0.5 ± 0.12") == (frames["claims"]["verdict"] != UNTESTABLE).sum()
    assert not [
        text
        for text in written
        if re.search(
            r"_M|_inf|n\*|_crit", text.replace("$n^*$", "").replace("$_M$", "").replace("$q_M$", "")
        )
        and "$" not in text
    ]


# -- unusual tables --------------------------------------------------------------------------


@pytest.mark.parametrize("figure", CATALOGUE)
@pytest.mark.parametrize(
    "options",
    [
        {"grid": (16,), "seeds": (0,)},
        {"grid": (INF,), "seeds": (3,), "components": 3},
        {"grid": (4, INF), "seeds": (0,), "components": 1},
        {"grid": (1, 2), "components": 7},
    ],
    ids=["one M", "only infinity", "one component", "seven components"],
)
def test_small_grids(figure, options):
    data = synthetic(**options)
    draw(figure, {table: as_frame(table, columns) for table, columns in data.items()})


def as_frame(table, columns):
    """As ``tables.read`` gives it, without the file."""
    columns = {
        name: tables._nullable(values) if name in tables.NULLABLE else values
        for name, values in columns.items()
    }
    import pyarrow as pa

    return pa.table(columns, schema=tables.schema(table)).to_pandas()


@pytest.mark.parametrize("figure", CATALOGUE)
def test_an_m_that_was_not_idealised_and_one_that_was_not_trained(figure, frames):
    changed = dict(frames)
    for table in ("idealised_losses", "pca_idealised"):
        frame = frames[table]
        changed[table] = frame[frame["task_diversity"] != 16].replace(
            {"task_diversity": {64: 4096}}
        )
    drawn = draw(figure, changed)
    if figure == "figure1":
        assert len(marks(panels(drawn)[0], style.DMMSE)) == 1
        assert len(marks(panels(drawn)[1], style.DMMSE)) == 1


@pytest.mark.parametrize("figure", ["figure1", "raw_curves"])
def test_without_critical_steps(figure, frames):
    drawn = draw(figure, {**frames, "critical_steps": frames["critical_steps"].iloc[:0]})
    assert not any(marks(axes, style.CRITICAL) for axes in panels(drawn))


@pytest.mark.parametrize(
    "figure", ["figure1", "in_distribution_losses", "pc_over_time", "pc_pairs"]
)
def test_without_idealised_predictors(figure, frames):
    empty = {table: frames[table].iloc[:0] for table in ("idealised_losses", "pca_idealised")}
    assert not any(marks(axes, style.RIDGE) for axes in panels(draw(figure, {**frames, **empty})))


# -- legibility ------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", CATALOGUE)
def test_labels_do_not_overlap_and_stay_inside(figure, frames):
    legible(laid_out(figure, frames))


@pytest.mark.parametrize("figure", ["figure1", "training_curves"])
def test_a_grid_as_large_as_the_papers_stays_legible(figure):
    data = synthetic(grid=(*[2**power for power in range(16)], 6, 24, 182, 362, INF), seeds=(0,))
    drawn = laid_out(figure, {table: as_frame(table, columns) for table, columns in data.items()})
    legible(drawn)
    (strip,) = [axes for axes in drawn.axes if axes not in panels(drawn)]
    ticks = strip.get_xticklabels() or strip.get_yticklabels()
    assert [tick.get_text() for tick in ticks][-2:] == ["32768", "∞"]
    assert ticks[-1].get_rotation() == 0


def legible(drawn):
    """No two labels overlap, and none leaves the figure."""
    renderer = drawn.canvas.get_renderer()
    boxes = [
        text.get_window_extent(renderer)
        for axes in drawn.axes
        if axes.axison
        for text in [axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        if text.get_text()
    ] + [
        tick.get_window_extent(renderer)
        for axes in drawn.axes
        if axes.axison
        for axis in (axes.xaxis, axes.yaxis)
        for low, high in [sorted(axis.get_view_interval())]
        for tick in [
            tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high
        ]
        if tick.get_text() and tick.get_visible()
    ]
    boxes += [legend.get_window_extent(renderer) for legend in drawn.legends]
    boxes = [box for box in boxes if box.width > 0]
    for i, box in enumerate(boxes):
        assert drawn.bbox.padded(1).contains(box.x0, box.y0)
        assert drawn.bbox.padded(1).contains(box.x1, box.y1)
        for other in boxes[:i]:
            assert not box.padded(-0.5).overlaps(other.padded(-0.5))


# -- files -----------------------------------------------------------------------------------


def test_the_same_tables_give_the_same_bytes_with_their_origin(paths, tmp_path):
    sources = {table: paths[table] for table in CATALOGUE["raw_curves"]}
    for turn in ("a", "b"):
        render("raw_curves", sources, tmp_path / f"{turn}.png", tmp_path / f"{turn}.svg")
    for suffix in ("png", "svg"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    pictures = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".json")
    assert pictures == ["a.png", "a.svg", "b.png", "b.svg"]

    from PIL import Image

    with Image.open(tmp_path / "a.png") as image:
        record = json.loads(image.text["Description"])
        assert round(image.info["dpi"][0]) == 200
        assert image.width == round(200 * style.DOUBLE_COLUMN)
    assert record["settings"] == {"figure": "raw_curves"}
    assert record["tables"]["losses"] == [{"settings_hash": "0123"}]
    tree = ElementTree.parse(tmp_path / "a.svg")
    (description,) = tree.iter("{http://purl.org/dc/elements/1.1/}description")
    assert json.loads(description.text) == record
    assert not list(tree.iter("{http://purl.org/dc/elements/1.1/}date"))


def test_a_failed_drawing_leaves_no_file(paths, tmp_path):
    with pytest.raises(KeyError):
        render("raw_curves", {"losses": paths["losses"]}, tmp_path / "a.png", tmp_path / "a.svg")
    assert list(tmp_path.iterdir()) == []


def bars(axes) -> list[tuple[float, float, float]]:
    """(x, y, half length) of every error bar."""
    found = []
    for container in axes.containers:
        line, _, (collection, *_) = container
        for x, y, segment in zip(*line.get_data(), collection.get_segments(), strict=True):
            found.append((float(x), float(y), float(segment[1, 1] - segment[0, 1]) / 2))
    return sorted(found)


def test_figure3(frames):
    """Mean over seeds with the seeds' standard error; crosses where an estimate is unhealthy; lambda_inf dashed."""
    drawn = draw("figure3", needed("figure3", frames))
    left, right = panels(drawn)
    at = [math.log2(M) for M in GRID[:-1]] + [math.log2(GRID[-2]) + 1.5]
    means = [coefficient(M, 20000) + 1 for M in GRID]  # the seeds are 0 and 2 above
    expected = [(x, y, 1.0) for x, y in zip(at, means, strict=True)]
    assert bars(right) == [pytest.approx(bar) for bar in expected]
    (dashed,) = [line for line in right.lines if line.get_linestyle() == "--"]
    assert dashed.get_ydata()[0] == pytest.approx(means[-1])
    ideal = pieces.averages(frames["idealised_losses"], "in_distribution")
    for line, predictor in zip(left.lines[:2], ("dmmse", "ridge"), strict=True):
        rows = ideal[ideal["predictor"] == predictor].set_index("task_diversity")["loss"]
        wanted = [rows[rows.index.isna() if math.isinf(M) else [M]].iloc[0] for M in GRID]
        assert line.get_ydata() == pytest.approx(wanted)
    assert len(bars(left)) == len(GRID)


def test_llc_over_training(frames):
    drawn = draw("llc_over_training", needed("llc_over_training", frames))
    left = panels(drawn)[0]
    expected = sorted((s, coefficient(M, s) + 1, 1.0) for M in GRID for s in LLC_STEPS)
    assert bars(left) == [pytest.approx(bar) for bar in expected]
    crosses = [line for line in left.lines if line.get_marker() == "x"]
    assert len(crosses) == len(GRID)
    assert {float(x) for line in crosses for x in line.get_xdata()} == {0.0}


def test_llc_diagnostics(frames):
    drawn = draw("llc_diagnostics", needed("llc_diagnostics", frames))
    shown = panels(drawn)
    assert len(shown) == 6
    acceptance = [line for line in shown[0].lines if line.get_marker() == "None"]
    assert len(acceptance) == len(GRID) * len(SEEDS)
    assert {float(y) for line in acceptance for y in line.get_ydata()} == {0.93}
    relative = [line for line in shown[5].lines if line.get_marker() == "None"]
    assert all(line.get_ydata() == pytest.approx(-0.5) for line in relative)


def test_llc_traces(frames):
    """One panel per M, the first seed's last step, one line per chain in windows of ten steps."""
    drawn = draw("llc_traces", needed("llc_traces", frames))
    shown = panels(drawn)
    assert [axes.get_title(loc="left") for axes in shown] == [
        f"$M$ = {style.label(M)}" for M in GRID
    ]
    rows = of_run(frames["llc_traces"], 16, 0)
    rows = rows[rows["step"] == 20000]
    chains = [line for line in shown[1].lines if len(line.get_xdata()) == 4]
    for line, losses, centre in zip(chains, rows["losses"], rows["centre_losses"], strict=True):
        wanted = (np.float64(losses) - np.float64(centre)).reshape(4, 10).mean(axis=1)
        assert line.get_ydata() == pytest.approx(wanted)


def test_llc_calibration(frames):
    """A cell per setting with its number, the recommended one framed, diverged ones without a colour."""
    drawn = draw("llc_calibration", needed("llc_calibration", frames))
    maps = [axes for axes in drawn.axes if axes.images]
    assert len(maps) == 2 * len(GRID)  # a map per run and gamma
    first = maps[0]
    texts = sorted(text.get_text() for text in first.texts)
    assert sum(text == "diverged" for text in texts) == 1
    shown = np.ma.masked_invalid(first.images[0].get_array())
    assert shown.mask.sum() == 1
    assert shown.compressed() == pytest.approx(coefficient(4, 20000))
    assert sum(len(axes.patches) for axes in maps) == len(GRID)


def test_llc_crosscheck(frames):
    drawn = draw("llc_crosscheck", needed("llc_crosscheck", frames))
    found = sorted(
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in panels(drawn)[0].lines
        if line.get_marker() == "o"
    )
    ours = sorted(coefficient(M, 20000) + 2 * seed for M in GRID for seed in SEEDS)
    assert found == [pytest.approx((value + 1, value)) for value in ours]
