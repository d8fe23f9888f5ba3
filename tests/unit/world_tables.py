"""The world of :mod:`tests.unit.worlds` with every table and every column that figures and pages read.

The tables that judge claims come from there. This module adds what it leaves out (training, traces, the sweep of the
LLC, more components), noise, and the columns that no claim reads.
"""

import itertools
import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from tests.conftest import settings_for
from tests.unit import worlds
from transient_ridge.analysis.datasets import IN_DISTRIBUTION
from transient_ridge.analysis.model_selection.accounts import (
    COMPRESSED,
    CONSTANT,
    FORECAST,
    LEFT_OUT,
    LLC,
    LOG,
    SATURATING,
)
from transient_ridge.analysis.model_selection.selection import compute_selection
from transient_ridge.analysis.variants.averaging import compare_averaging
from transient_ridge.artefacts.schemas import TABLES
from transient_ridge.artefacts.tables import Rows
from transient_ridge.config.registries import PREDICTORS
from transient_ridge.config.runs import Run
from transient_ridge.scorecard.statement import OWN
from transient_ridge.scorecard.statements import STATEMENTS
from transient_ridge.scorecard.verdicts import FAILS, HOLDS, UNTESTABLE

INF = math.inf
#: A subset of the world's M: a small one, some that turn to dMMSE, one above the threshold.
GRID = (1, 16, 64, 256, INF)
SEEDS = worlds.SEEDS
STEPS = worlds.STEPS
COMPONENTS = 4
#: Tables of coordinates in the joint PCA.
PLACED = ("pca_trajectories", "pca_idealised", "pca_softened")
KNOWN = ("dmmse", "ridge")
LLC_STEPS = (0, STEPS[-1])
RESOLUTIONS = (10.0, 1.0, 0.1)
#: n beta, gamma, epsilon.
SWEEP = list(itertools.product((100.0, 1000.0), (10.0, 100.0), (1e-5, 1e-4)))

#: Values of columns that no claim reads and that the tables of the world lack.
_DEFAULTS = {
    "idealised_losses": {"standard_error": 0.01},
    "idealised_distances": {"standard_error": 0.01},
    "ridge_on_tasks": {"standard_error": 0.01},
    "feature_losses": {"standard_error": 0.01},
}

_ESTIMATE = {
    "standard_error": 1.5, "standard_error_unpaired": 6.0, "centre_loss": 1.0, "mean_loss": 1.05, "r_hat": 1.01,
    "ess": 300.0, "share_below": 0.02, "mala_acceptance": 0.93, "distance": 12.0, "gradient_norm": 0.01,
    "noise_norm": 1.3, "heating": 1.0, "heating_share": 0.05, "slope": 0.5, "slope_share": 0.02, "resolution": 3.3,
}  # fmt: skip
FAULT = "ESS 12 < 100"


@cache
def tables(
    grid: Sequence[float] = GRID,
    seeds: Sequence[int] = SEEDS,
    components: int = COMPONENTS,
    predictors: Sequence[str] = KNOWN,
) -> dict[str, pd.DataFrame]:
    """Every table as read from its file. The result is shared: copy before you change it."""
    made = _world(grid, seeds)
    for table in made.keys() & _DEFAULTS:
        made[table] = _filled(made[table], _DEFAULTS[table])
    _components(made, components)
    _robustness(made, grid, seeds, components)
    _third(made, grid, components, [name for name in predictors if name not in KNOWN])
    _raw(made, predictors)
    made = worlds.derive(made, gates=True)
    _llc(made, grid, seeds)
    _resolution(made, grid, seeds)
    made["accounts"], made["account_points"] = _accounts(grid)
    made["claims"] = _claims()
    made["claims_by_resolution"] = pd.concat(
        [made["claims"].query("claim in (8, 9)").assign(resolution=r) for r in RESOLUTIONS]
    )
    made["claim_values"] = _claim_values(seeds)
    made = {table: Rows.of(table, frame).frame() for table, frame in made.items()}
    _outputs(made)
    settings = {**worlds.SETTINGS, "training": {"batch_size": 1}}  # n* falls within training
    for rows in compute_selection(made, **settings_for(compute_selection, settings)):
        made[rows.table] = rows.frame()
    along = [made["selection"].assign(resolution=r) for r in RESOLUTIONS]
    made["selection_by_resolution"] = Rows.of("selection_by_resolution", pd.concat(along)).frame()
    made["front"], made["averaging"] = _front(grid, seeds), _averaging(made)
    assert set(made) == set(TABLES)
    return made


#: Three variants: one soon and far from ridge, one late and near, and one that does not reach dMMSE.
VARIANTS = {"base": (0.4, 30.0), "slow-mlp": (0.3, 45.0), "batch-256": (0.29, None)}


def _front(grid, seeds):
    """Every variant with every finite M, by ``VARIANTS``."""
    rows = [
        {
            "variant": variant, "task_diversity": M, "seed": seed, "critical_step": 100, "relative_distance": depth,
            "end": 0.8 if seconds else 0.5, "dmmse_step": 1000 if seconds else None, "core_seconds": seconds,
            "core_seconds_of_training": 60.0,
        }
        for variant, (depth, seconds) in VARIANTS.items()
        for M in grid
        if M < INF
        for seed in seeds
    ]  # fmt: skip
    return Rows.of("front", _rows("front", rows)).frame()


def _averaging(made):
    """The world's own curves as the averaged ones, and with more noise as the raw ones."""
    frames = {}
    for table in ("losses", "distances"):
        rows = made[table]
        column = "loss" if table == "losses" else "distance"
        noise = 1 + 0.2 * _noise(len(rows)).random(len(rows))
        raw = rows.assign(variant="raw", **{column: rows[column] * noise})
        frames[table] = pd.concat([rows.assign(variant="base"), raw])
    return compare_averaging(frames).frame()


def _filled(frame: pd.DataFrame, values: dict) -> pd.DataFrame:
    """``frame`` with these values in columns that the world leaves empty."""
    return frame.assign(
        **{name: value for name, value in values.items() if frame[name].isna().all()}
    )


def of_run(frame: pd.DataFrame, M: float, seed: int) -> pd.DataFrame:
    """The rows of a run, by step if there are steps."""
    rows = frame[(frame["task_diversity"] == M) & (frame["seed"] == seed)]
    return rows.sort_values("step") if "step" in rows else rows


def stand_in(M: float) -> float:
    """The M of the world whose rows stand for those of an ``M`` that it lacks."""
    return M if M in worlds.GRID else min(worlds.GRID[:-1], key=lambda m: abs(math.log(m / M)))


def llc_at_end(M: float) -> float:
    """The world's LLC at the end of training for seed 0."""
    return worlds.LLC[stand_in(M)]


def _world(grid, seeds):
    """The tables of the world for any ``grid``."""
    made = {}
    for table, frame in worlds.tables(sorted(set(map(stand_in, grid))), seeds).items():
        made[table] = frame
        if "task_diversity" in frame:
            parts = [
                frame[frame["task_diversity"] == stand_in(M)].assign(task_diversity=M)
                for M in sorted(grid)
            ]
            made[table] = pd.concat(parts, ignore_index=True)
    return made


def _noise(*key: float) -> np.random.Generator:
    return np.random.default_rng([0 if math.isinf(part) else int(part) for part in key])


def _rows(table: str, rows: list[dict]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(TABLES[table].columns))


def _components(made, components):
    """As many components as requested; each one beyond the world's turns once more than the one before."""
    for component in range(3, components + 1):
        second = {
            name: made[name][made[name]["component"] == 2].assign(component=component)
            for name in (*PLACED, "pca_variance", "pca_loadings")
        }
        for name in PLACED:
            turned = np.sin(component * second[name]["coordinate"])
            second[name] = second[name].assign(coordinate=turned)
        second["pca_variance"]["explained_variance_ratio"] = 0.4 / component
        second["pca_loadings"]["loading"] = 1 / worlds.K
        for name, frame in second.items():
            made[name] = pd.concat([made[name], frame])
    for name in (*PLACED, "pca_variance", "pca_loadings"):
        made[name] = made[name][made[name]["component"] <= components]
    ratio = made["pca_variance"]["explained_variance_ratio"]
    made["pca_variance"] = made["pca_variance"].assign(explained_variance=25 * ratio)


def _robustness(made, grid, seeds, components):
    """The other schedules and left-out runs; two components and all of them."""
    counts = sorted({min(2, components), components})
    frame = made["pca_robustness"]
    known = [
        frame[frame["components"] == count].assign(components=ours)
        for count, ours in zip(sorted(frame["components"].unique()), counts, strict=False)
    ]
    checks = [("schedule", name) for name in ("linear", "log", "union")]
    checks += [("left_out", Run(M, seed).name) for M in grid for seed in seeds]
    more = [
        {
            "check": check, "setting": setting, "rows": 100, "sequences": 512, "components": count,
            "angle": 3.0 * i + count, "trajectory_distance": 0.01 * i + 0.001 * count,
            "explained_variance_ratio": 0.3 * count / components, "reference": setting == "union",
        }
        for i, (check, setting) in enumerate(checks)
        for count in counts
    ]  # fmt: skip
    made["pca_robustness"] = pd.concat([*known, _rows("pca_robustness", more)])


def third_loss(M: float) -> float:
    """Loss of a third predictor on every set: worse than ridge, but less so for small M."""
    return worlds.RIDGE + 0.3 - (0.0 if math.isinf(M) else 0.2 / M)


def _third(made, grid, components, predictors):
    """Losses and coordinates of predictors that the world does not know."""
    for name in predictors:
        varies = PREDICTORS.constant(name, "OF_TASK_SET")
        ridge = made["idealised_losses"]
        ridge = ridge[ridge["predictor"] == "ridge"]
        loss = ridge["task_diversity"].map(third_loss if varies else lambda _: third_loss(INF))
        made["idealised_losses"] = pd.concat(
            [made["idealised_losses"], ridge.assign(predictor=name, loss=loss)]
        )
        points = [
            {
                "task_diversity": M, "predictor": name, "component": component,
                "coordinate": 0.1 * component + (0.0 if math.isinf(M) else 0.5 / M),
            }
            for M in (grid if varies else [INF])
            for component in range(1, components + 1)
            if varies != math.isinf(M)
        ]  # fmt: skip
        made["pca_idealised"] = pd.concat([made["pca_idealised"], _rows("pca_idealised", points)])


def _raw(made, predictors):
    """Measurements over training get noise and values at one position; a third predictor lies beyond ridge."""
    distances = made["distances"]
    ridge = distances[distances["predictor"] == "ridge"]
    others = [
        ridge.assign(predictor=name, distance=1 + ridge["distance"])
        for name in predictors
        if name not in KNOWN
    ]
    made["distances"] = pd.concat([distances, *others], ignore_index=True)
    source = _noise(1)
    for table, column in (("losses", "loss"), ("distances", "distance")):
        noise = np.exp(source.normal(0, 0.002, len(made[table])))
        raw = made[table].assign(**{column: made[table][column] * noise}, standard_error=0.01)
        made[table] = pd.concat([raw, raw.assign(token=1, **{column: 2 * raw[column]})])
    apart = made["idealised_distances"]
    made["idealised_distances"] = pd.concat(
        [apart, apart.assign(token=1, distance=2 * apart["distance"])]
    )
    losses = made["losses"]
    own = losses[(losses["dataset"] == IN_DISTRIBUTION) & losses["token"].isna()]
    made["training"] = own[own["step"] > 0].assign(gradient_norm=1.0, rate_factor=1.0)


def _llc(made, grid, seeds):
    """Full estimates, unhealthy for the untrained models; traces, the sweep and the cross-check."""
    llc = made["llc"]
    healthy = llc["step"] > 0
    made["llc"] = _filled(llc, _ESTIMATE).assign(
        llc_unpaired=llc["llc"] + 3,
        healthy=healthy,
        fault=np.where(healthy, None, FAULT),
    )
    runs = [(M, seed) for M in grid for seed in seeds]
    made["llc_traces"] = _rows(
        "llc_traces",
        [
            {"task_diversity": M, "seed": seed, "step": step, "component": "all", **traces}
            for M, seed in runs
            for step in LLC_STEPS
            for traces in _traces(M, seed, step)
        ],
    )
    swept = [(M, seeds[0]) for M in sorted({grid[0], grid[-1]})]
    made["llc_recommendation"] = _rows(
        "llc_recommendation", [row for M, seed in swept for row in _sweep(M, seed)]
    )
    made["llc_calibration"] = made["llc_recommendation"]
    made["llc_calibration_traces"] = _rows(
        "llc_calibration_traces",
        [
            {**row, **traces}
            for M, seed in swept
            for row in _sweep(M, seed)
            if row["healthy"]
            for traces in _traces(M, seed, row["step"])
        ],
    )
    both = [
        {
            "task_diversity": M, "seed": seed, "step": STEPS[-1], "sampler": sampler, "seconds": 1.0, "z": shift,
            **estimate(llc_at_end(M) + 2 * seed + shift),
        }
        for M, seed in runs
        for sampler, shift in (("sgld", 0.0), ("devinterp", 1.0))
    ]  # fmt: skip
    made["llc_crosscheck"] = _rows("llc_crosscheck", both)


def quadratic(M: float, r: float) -> float:
    """The LLC at r; its order over M reverses below r = 1."""
    return (llc_at_end(M) if r >= 1 else 60 - llc_at_end(M)) / r**0.5


def _resolution(made, grid, seeds):
    """Spectra, what they imply, and the ladder, whose finest cells did not equilibrate."""
    end = [
        (M, seed, {"task_diversity": M, "seed": seed, "step": STEPS[-1]})
        for M in grid
        for seed in seeds
    ]
    made["spectrum"] = _rows(
        "spectrum", [{**key, "lower": 0.1, "upper": 1.0, "number": 20.0} for *_, key in end]
    )
    found = [
        {
            **key, "resolution": r, "llc": quadratic(M, r) + seed, "standard_error": 0.2,
            "llc_half": quadratic(M, r), "in_sample": 0.8 * quadratic(M, r), "trace": 300.0,
            "largest": 50.0, "healthy": True,
        }
        for M, seed, key in end
        for r in RESOLUTIONS
    ]  # fmt: skip
    made["quadratic_llc"] = _rows("quadratic_llc", found)
    on_tasks = [row for row in found if row["task_diversity"] < INF]
    made["quadratic_llc_on_tasks"] = _rows("quadratic_llc_on_tasks", on_tasks)
    cells = [
        {
            **key, **estimate(0.8 * quadratic(M, r)), "n_beta": n_beta, "resolution": r,
            "equilibrated": r > 0.1, "healthy": r > 0.1 and n_beta < 1000,
        }
        for M, seed, key in end
        for n_beta in (100.0, 1000.0)
        for r in RESOLUTIONS
        if seed == seeds[0]
    ]  # fmt: skip
    made["llc_ladder"] = _rows("llc_ladder", cells)


def _accounts(grid):
    """Every account under both splits, with predictions for two steps of every run; the LLC does best at r = 1."""
    errors = [
        (LOG, None, 0.2),
        (COMPRESSED, None, 0.1),
        (CONSTANT, None, 0.3),
        (SATURATING, None, 0.15),
    ]
    errors += [(LLC, r, 0.05 + 0.02 * abs(math.log10(r))) for r in RESOLUTIONS]
    constants = {
        "loss_weight": 1.0, "exponent": 0.5, "cost_weight": 0.1, "fitted": 9, "held_out": 9, "error_fitted": 0.05,
    }  # fmt: skip
    summary = [
        {
            "account": account, "resolution": r, "split": split, "error": error, **constants,
            "difference": None if account == LOG else error - 0.2,
            "difference_margin": None if account == LOG else 0.06,
            "verdict": None if account == LOG else "undecided",
        }
        for split in (LEFT_OUT, FORECAST)
        for account, r, error in errors
    ]  # fmt: skip
    points = [
        {
            "account": account, "resolution": r, "split": split, "task_diversity": M, "step": step,
            "relative_distance": 0.4 + 0.1 * i, "predicted": 0.4 + 0.1 * i + error,
        }
        for split in (LEFT_OUT, FORECAST)
        for account, r, error in errors
        for M in grid
        for i, step in enumerate(STEPS[-2:])
        if M < INF
    ]  # fmt: skip
    return _rows("accounts", summary), _rows("account_points", points)


def estimate(llc: float | None) -> dict:
    """One estimate; ``llc`` is None if a chain diverged."""
    unpaired, healthy = (None, False) if llc is None else (llc + 3, True)
    fault = None if healthy else FAULT
    return {**_ESTIMATE, "llc": llc, "llc_unpaired": unpaired, "healthy": healthy, "fault": fault}


def _traces(M, seed, step):
    source = _noise(M, seed, step)
    for chain in range(2):
        losses, centre = 1.05 + source.normal(0, 0.01, 40), 1 + source.normal(0, 0.001, 40)
        yield {"chain": chain, "losses": losses.tolist(), "centre_losses": centre.tolist()}


def _sweep(M, seed):
    """The LLC at every setting; the largest steps at the lowest temperature diverge."""
    for n_beta, gamma, epsilon in SWEEP:
        diverged = (n_beta, epsilon) == (1000.0, 1e-4)
        yield {
            "task_diversity": M, "seed": seed, "step": STEPS[-1], "n_beta": n_beta, "gamma": gamma, "epsilon": epsilon,
            **estimate(None if diverged else llc_at_end(M)),
            "recommended": (n_beta, gamma, epsilon) == SWEEP[0],
        }  # fmt: skip


def _claims():
    """The paper's statements and those of one preset, with the three verdicts in turn."""
    rows = []
    asked = [each for each in STATEMENTS if each.claim != OWN or each.part in "abc"]
    for i, statement in enumerate(asked):
        verdict = (HOLDS, FAILS, UNTESTABLE)[i % 3]
        known = verdict != UNTESTABLE
        rows.append(
            {
                "claim": statement.claim, "part": statement.part, "statement": statement.text,
                "kind": statement.kind, "existence": statement.exists, "nulls": ", ".join(statement.nulls),
                "null_value": 0.1, "difference": 0.4 if known else None, "difference_margin": 0.2,
                "about": statement.about, "quantity": statement.quantity, "value": 0.5 if known else None,
                "standard_error": 0.12 if known else None, "margin": 0.24 if known else None,
                "seeds": 2, "root_seeds": 1,
                "deviation_seeds": 0.17 if known else None, "comparison": statement.comparison, "threshold": 0.25,
                "set_when": statement.set_when, "verdict": verdict, "reason": "made up",
            }
        )  # fmt: skip
    return _rows("claims", rows)


def _claim_values(seeds):
    """The value of every statement for each seed."""
    key = {"root_seed": 0, "resolution": 0.0, "outcome": "measured", "reason": ""}
    return _rows(
        "claim_values",
        [
            {"claim": statement.claim, "part": statement.part, "seed": seed, "value": 0.5, **key}
            for statement in STATEMENTS
            for seed in seeds
        ],
    )


def _outputs(made):
    """Predictions on two sequences of D(1), of runs and of predictors."""
    for table, keys in (
        ("outputs", made["pca_trajectories"][["task_diversity", "seed", "step"]]),
        ("idealised_outputs", made["pca_idealised"][["task_diversity", "predictor"]]),
        ("softened_outputs", made["pca_softened"][["task_diversity", "inverse_temperature"]]),
    ):
        rows = keys.drop_duplicates()
        values = _noise(3).normal(size=(len(rows), 2 * worlds.K)).tolist()
        made[table] = Rows.of(table, rows.assign(outputs=values)).frame()
