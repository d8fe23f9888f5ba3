"""Tables of made-up worlds: one in which every claim of the paper is true, and two in which nothing happens.

Two numbers make a run: how much of its first distance to ridge it has covered, and how far it has gone from ridge to
dMMSE_M. The untrained model is at a right angle to that way. Curves, phases and model selection are computed by their
stages.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pandas as pd

from tests.conftest import settings_for
from transient_ridge.analysis.curves import compute_curves
from transient_ridge.analysis.gates import compute_gates
from transient_ridge.analysis.model_selection.selection import compute_selection
from transient_ridge.analysis.phases import HALF, compute_phases
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config.settings import CurveSettings

INF = math.inf
GRID = (1, 4, 8, 16, 32, 64, 128, 256, 1024, INF)
SEEDS = (0, 1)
STEPS = np.unique(np.r_[0, np.geomspace(100, 40_000, 25)].astype(int)).tolist()
#: Share of the way from the untrained model that is covered at each step: log-linear up to step 10,000.
LEARNT = np.clip(np.log(np.maximum(STEPS, 50) / 50) / np.log(200), 0, 1)
START = 2.0  # squared distance of the untrained model to ridge
RIDGE = 1.4
K = 6
LAYERS, HEADS = 2, 4
LLC = {
    1: 10,
    4: 30,
    8: 42.5,
    16: 44,
    32: 46,
    64: 47,
    128: 47.5,
    256: 41,
    512: 40.5,
    1024: 40,
    2048: 40,
    INF: 40,
}
SETTINGS = {
    "curves": {"smoothing_width": 0.05},
    "training": {"batch_size": 100},
    "data": {"context_length": K, "noise_variance": 0.125},
    "claims": {"dmmse_like": 0.75},
}
CURVES = CurveSettings.of(SETTINGS["curves"])
RUN = ("task_diversity", "seed", "step")
#: The step at which M = 1 would turn, how that step grows with M, and how sharp the turn is.
COURSES = list(itertools.product((2_000, 3_000, 4_000), (0.25, 0.3), (5.0, 6.5, 8.0)))
#: A grid with as many M above the threshold as there are transient ones.
WIDE = (1, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, INF)
#: Features of the inputs: their share of the pairs, and the step around which each is learnt.
FEATURES = {1: (0.6, 300.0), 2: (0.3, 1_000.0), 3: (0.1, 5_000.0)}
#: Tasks of unequal frequency: their share, and the step around which each goes in-weight; the rarest never does.
TASKS = {1: (0.5, 300.0), 2: (0.25, 1_000.0), 3: (0.15, 5_000.0), 4: (0.1, INF)}


def apart(M: float) -> float:
    """Delta(dMMSE_M, ridge) in distribution, and how much lower the loss of dMMSE_M is there."""
    return 0.0 if math.isinf(M) else 0.5 / M**0.5


def gap(M: float) -> float:
    """How much higher the loss of dMMSE_M is out of distribution than ridge's, and Delta(dMMSE_M, ridge) there."""
    return 0.0 if math.isinf(M) else 1.5 / M**0.3


def turned(M: float) -> np.ndarray:
    """How far a run has gone from ridge to dMMSE_M: at once for small M, later for large M, never above a threshold."""
    if M <= 4:
        return LEARNT
    if M > 128:
        return np.zeros(len(STEPS))
    return 1 / (1 + (np.maximum(STEPS, 1) / (1000 * M**0.5)) ** -6.0)


def perfect(course: int) -> Callable[[float], np.ndarray]:
    """One of :data:`COURSES` of a perfect transience: ridge first, then dMMSE_M, later for larger M."""
    scale, exponent, sharpness = COURSES[course]

    def over(M: float) -> np.ndarray:
        if M <= 4:
            return LEARNT
        if M > 128:
            return np.zeros(len(STEPS))
        return 1 / (1 + (np.maximum(STEPS, 1) / (scale * M**exponent)) ** -sharpness)

    return over


def developed(step: int, learnt: float) -> float:
    """The first component, along which runs develop; it still moves a little when nothing is left to learn."""
    return 2 * (learnt + 1e-6 * step)


def straight(M: float) -> np.ndarray:
    """The straight way to dMMSE_M for every M, without a ridge phase."""
    return np.zeros(len(STEPS)) if math.isinf(M) else LEARNT


def risen(step: int, from_step: float) -> float:
    """From 0 to 1 around ``from_step``."""
    return 1 / (1 + (from_step / max(step, 1)) ** 6.0)


def tables(
    grid=GRID, seeds=SEEDS, over=turned, start=lambda seed: START, gates=False
) -> dict[str, pd.DataFrame]:
    """The tables that judge claims; ``over`` gives how far the run of an M has gone from ridge to dMMSE_M."""
    names = (
        "losses", "distances", "llc", "ridge_on_tasks", "llc_on_tasks", "idealised_losses",
        "idealised_distances", "pca_trajectories", "pca_idealised", "pca_variance", "pca_loadings",
        "pca_robustness", "head_ablation", "feature_losses", "task_gates", "unchanged", "softened_dmmse",
        "pca_softened",
    )  # fmt: skip
    rows = {name: [] for name in names}
    for M in grid:
        _idealised(rows, M)
        for seed in seeds:
            _run(rows, M, seed, over(M), start(seed) * (1 + 0.001 * seed))
            _heads(rows, M, seed)
            if INF in grid and not math.isinf(M):
                _ridge_on_tasks(rows, M, seed)
    _shape(rows)
    # Tables of extensions exist only where the extensions do.
    made = {name: complete(name, pd.DataFrame(rows[name])) for name in names if name in TABLES}
    return derive(made | {"claims_by_resolution": empty("claims_by_resolution")}, gates)


def without_training(gates=False) -> dict[str, pd.DataFrame]:
    """The paper's world cut at step 0, except for the PCA: only untrained models."""
    world = tables()
    names = (
        "losses", "distances", "llc", "ridge_on_tasks", "llc_on_tasks", "pca_trajectories", "head_ablation",
        "feature_losses", "task_gates", "unchanged",
    )  # fmt: skip
    cut = {name: world[name][world[name]["step"] == 0] for name in names if name in world}
    return derive(world | cut, gates)


def without_a_ridge_phase(seeds=SEEDS, gates=False) -> dict[str, pd.DataFrame]:
    """Every run goes from a random start straight to its dMMSE_M, with noise; LLC and PCA are the paper's world's."""
    rng = np.random.default_rng(0)
    starts = dict(zip(seeds, rng.uniform(0.5, 4, len(seeds)), strict=True))
    world = tables(seeds=seeds, over=straight, start=starts.get)
    for name, column in (("losses", "loss"), ("distances", "distance")):
        # Distances to two predictors are measured on the same sequences, so they share their noise.
        same = world[name].groupby([*RUN, "dataset"]).ngroup()
        world[name][column] *= 1 + 0.01 * rng.standard_normal(same.max() + 1)[same]
    return derive(world, gates)


def derive(world: dict[str, pd.DataFrame], gates: bool = False) -> dict[str, pd.DataFrame]:
    """``world`` with what the stages compute from it; ``gates`` take long and serve only presets' statements."""
    critical, smoothed = compute_curves(world["losses"], CURVES)
    relative, thresholds = compute_phases(world["distances"], world["idealised_distances"], CURVES)
    made = {
        "critical_steps": critical.frame(),
        "smoothed_losses": smoothed.frame(),
        "relative_distances": relative.frame(),
        "thresholds": thresholds.frame(),
    }
    selection, _ = compute_selection(world | made, **settings_for(compute_selection, SETTINGS))
    if gates:
        mixtures = compute_gates(world["distances"], world["idealised_distances"])
        made |= {rows.table: rows.frame() for rows in mixtures}
    return world | made | {"selection": selection.frame()}


def complete(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """``frame`` with all columns of ``table``; those that it lacks are empty."""
    return frame.reindex(columns=list(TABLES[table].columns))


def empty(table: str) -> pd.DataFrame:
    """The table without rows, as read back."""
    return Rows(table).frame()


def _shape(rows):
    """Variance, loadings and robustness of the joint PCA."""
    for component, share in ((1, 0.4), (2, 0.2)):
        rows["pca_variance"].append({"component": component, "explained_variance_ratio": share})
        for token in range(1, K + 1):
            early, late = (2.0 * (K - token) + 1) / K**2, (2.0 * token - 1) / K**2
            loading = late if component == 1 else early
            rows["pca_loadings"].append(
                {"component": component, "token": token, "loading": loading}
            )
    checks = [("sequences", str(B), B, d) for B, d in ((4, 0.5), (16, 0.05), (64, 0.01), (512, 0))]
    checks += [("schedule", "linear", 512, 0.04), ("schedule", "log", 512, 0.03)]
    checks += [("schedule", "union", 512, 0)]
    for check, setting, B, distance in checks:
        for v in (2, 4):
            rows["pca_robustness"].append(
                {
                    "check": check, "setting": setting, "rows": 900, "sequences": B, "components": v,
                    "angle": 60 * distance, "trajectory_distance": distance * v / 2,
                    "explained_variance_ratio": 0.6, "reference": distance == 0,
                }
            )  # fmt: skip


def _ridge_on_tasks(rows, M, seed):
    """Loss and LLC of the M = infinity run on the tasks of M."""
    key = {"task_diversity": M, "seed": seed, "step": STEPS[-1], "token": np.nan}
    rows["ridge_on_tasks"].append({**key, "loss": RIDGE + 1e-4})
    llc = {"llc": LLC[INF] * (1 + 0.001 * seed), "standard_error": 0.5, "healthy": True}
    rows["llc_on_tasks"].append({**key, "component": "all", **llc})


def _heads(rows, M, seed):
    """The first layer needs all of its heads; the last layer needs one, which differs between seeds."""
    for layer in range(LAYERS):
        for head in range(HEADS):
            increase = 0.5 if layer == 0 else 1.0 if head == seed % HEADS else 0.001
            for dataset, share in (("out_of_distribution", 1.0), ("in_distribution", 0.5)):
                rows["head_ablation"].append(
                    {
                        "task_diversity": M, "seed": seed, "step": STEPS[-1], "dataset": dataset, "layer": layer,
                        "head": head, "loss": RIDGE + share * increase, "standard_error": 0.02,
                        "increase": share * increase, "increase_standard_error": 0.001,
                    }
                )  # fmt: skip


def _idealised(rows, M):
    for dataset, ridge, dmmse in (
        ("out_of_distribution", RIDGE, RIDGE + gap(M)),
        ("in_distribution", RIDGE, RIDGE - apart(M)),
        ("root_task", RIDGE, RIDGE - apart(M)),
    ):
        for predictor, loss in (("ridge", ridge), ("dmmse", dmmse)):
            key = {"task_diversity": M, "dataset": dataset, "token": np.nan}
            rows["idealised_losses"].append({**key, "predictor": predictor, "loss": loss})
    for dataset, distance in (("in_distribution", apart(M)), ("out_of_distribution", gap(M))):
        rows["idealised_distances"].append(
            {
                "task_diversity": M, "dataset": dataset, "token": np.nan, "predictor": "dmmse", "other": "ridge",
                "distance": distance,
            }
        )  # fmt: skip
    for u in () if math.isinf(M) else np.linspace(0, 1, 11):
        row = {"task_diversity": M, "inverse_temperature": u}
        for suffix, between in (("", apart(M)), ("_out", gap(M))):
            left = (1 - u) ** 2 * START
            row["ridge" + suffix] = left + u**2 * between
            row["dmmse" + suffix] = left + (1 - u) ** 2 * between
        losses = {"loss": RIDGE - apart(M) + row["dmmse"], "loss_out": RIDGE + row["ridge_out"]}
        rows["softened_dmmse"].append(row | losses)
        for component, end in ((1, developed(STEPS[-1], LEARNT[-1])), (2, gap(M) ** 0.5)):
            point = {"component": component, "coordinate": u * end}
            rows["pca_softened"].append({"task_diversity": M, "inverse_temperature": u} | point)
    for component, value in ((1, developed(STEPS[-1], LEARNT[-1])), (2, gap(M) ** 0.5)):
        rows["pca_idealised"].append(
            {
                "task_diversity": M, "component": component, "coordinate": value,
                "predictor": "ridge" if math.isinf(M) else "dmmse",
            }
        )  # fmt: skip


def _run(rows, M, seed, over, start):
    key = {"task_diversity": M, "seed": seed}
    left = (1 - LEARNT) ** 2 * start + 1e-4
    # Out of distribution the untrained model is as far from dMMSE_M as from ridge, and first moves towards ridge.
    over_out = HALF * (1 - LEARNT) + over
    out = RIDGE + left + over_out**2 * gap(M)
    inside = RIDGE - apart(M) + left + (1 - over) ** 2 * apart(M)
    for i, step in enumerate(STEPS):
        at = {**key, "step": step, "token": np.nan}
        for dataset, between, place in (
            ("in_distribution", apart(M), over[i]),
            ("out_of_distribution", gap(M), over_out[i]),
        ):
            for predictor, share in (("ridge", place**2), ("dmmse", (1 - place) ** 2)):
                distance = left[i] + share * between
                rows["distances"].append(
                    {**at, "dataset": dataset, "predictor": predictor, "distance": distance}
                )
        for dataset, loss in (
            ("out_of_distribution", out), ("in_distribution", inside), ("root_task", 1 + left),
        ):  # fmt: skip
            rows["losses"].append({**at, "dataset": dataset, "loss": loss[i]})
        for feature, (share, from_step) in FEATURES.items():
            done = risen(step, from_step)
            loss = 1.2 + done - 2 * done**2  # it rises before it falls
            rows["feature_losses"].append(
                {
                    **at, "dataset": "out_of_distribution", "feature": feature, "share": share, "ridge": 0.2,
                    "loss": loss,
                }
            )  # fmt: skip
        for task, (share, from_step) in ({} if math.isinf(M) else TASKS).items():
            rows["task_gates"].append(
                {
                    **at, "task": task, "share": share, "gate": risen(step, from_step), "residual": left[i],
                    "apart": apart(M),
                }
            )  # fmt: skip
        if not math.isinf(M):  # a run whose tasks stay goes straight to dMMSE_M
            rows["unchanged"].append({**at, "alpha": LEARNT[i], "alpha_out": LEARNT[i]})
        for component, value in ((1, developed(step, LEARNT[i])), (2, over[i] * gap(M) ** 0.5)):
            rows["pca_trajectories"].append({**at, "component": component, "coordinate": value})
    for step in (0, STEPS[-1]):
        rows["llc"].append(
            {
                **key, "step": step, "component": "all", "token": np.nan, "standard_error": 0.5,
                "llc": (LLC[M] if step else 1.0) * (1 + 0.001 * seed), "healthy": True,
            }
        )  # fmt: skip
