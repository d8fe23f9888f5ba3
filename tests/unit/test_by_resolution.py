"""Claims 8 and 9 along the resolution, and the stages that measure the LLC along it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import settings_for
from tests.unit import worlds
from transient_ridge.analysis.model_selection.by_resolution import select_by_resolution
from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.runs import Run, run_files
from transient_ridge.errors import ResolutionError
from transient_ridge.llc.stages.ladder import sample_ladder
from transient_ridge.llc.stages.llc import estimate_llc
from transient_ridge.llc.stages.spectrum import measure_spectrum
from transient_ridge.llc.stages.spectrum_on_tasks import measure_on_tasks
from transient_ridge.scorecard.by_resolution import judge_by_resolution
from transient_ridge.scorecard.claims import judge_claims
from transient_ridge.scorecard.page import in_words, verdicts_by_resolution
from transient_ridge.scorecard.verdicts import MET, NOT_MET, UNTESTABLE
from transient_ridge.training.train import train

CPU = torch.device("cpu")


def world(scale):
    """The paper's world, where every LLC ``llc`` is ``scale(r, llc)`` at r."""
    made = worlds.tables(seeds=(0,))
    end = made["llc"][made["llc"]["step"] == worlds.STEPS[-1]]
    parts = [
        end.assign(resolution=r, llc=[scale(r, llc) for llc in end["llc"]])
        for r in (10.0, 1.0, 0.1)
    ]
    quadratic = worlds.complete("quadratic_llc", pd.concat(parts, ignore_index=True))
    on_tasks = [
        made["llc_on_tasks"].assign(
            resolution=r, llc=[scale(r, llc) for llc in made["llc_on_tasks"]["llc"]]
        )
        for r in (10.0, 1.0, 0.1)
    ]
    tasks = worlds.complete("quadratic_llc_on_tasks", pd.concat(on_tasks, ignore_index=True))
    made |= {"quadratic_llc": quadratic, "quadratic_llc_on_tasks": tasks}
    rows = select_by_resolution(made, **settings_for(select_by_resolution, worlds.SETTINGS))
    return made | {"selection_by_resolution": rows.frame()}


@pytest.fixture(scope="module")
def settings():
    return presets.load("laptop") | {
        "data": worlds.SETTINGS["data"],
        "training": worlds.SETTINGS["training"],
    }


def test_where_the_order_does_not_depend_on_r_the_verdicts_are_those_of_the_scorecard(settings):
    frames = world(lambda r, llc: llc)
    along = judge_by_resolution(frames, **settings_for(judge_by_resolution, settings))
    claims, _, page = judge_claims(
        frames | {"claims_by_resolution": along.frame()}, **settings_for(judge_claims, settings)
    )
    main = {f"{row['claim']}{row['part']}": row["verdict"] for row in claims.records()}
    for name, verdicts in verdicts_by_resolution(along.records()).items():
        assert {verdict for _, verdict in verdicts} == {main[name]}, name
    assert main["8a"] == MET
    assert (
        "| 8a | The LLC of dMMSE-like models grows with M | met for r in [0.1, 10] |" in page.text
    )


def test_a_reversed_order_is_detected(settings):
    frames = world(lambda r, llc: llc if r > 0.5 else 100 - llc)
    along = verdicts_by_resolution(
        judge_by_resolution(frames, **settings_for(judge_by_resolution, settings)).records()
    )
    assert along["8a"] == [(0.1, NOT_MET), (1.0, MET), (10.0, MET)]
    assert in_words(along["8a"]) == "not met at r = 0.1; met for r in [1, 10]"


def test_without_curvature_there_is_nothing(settings):
    frames = world(lambda r, llc: llc)
    frames |= {name: worlds.empty(name) for name in ("quadratic_llc", "quadratic_llc_on_tasks")}
    assert (
        judge_by_resolution(frames, **settings_for(judge_by_resolution, settings)).records() == []
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny run at M = 4 and one at infinity, and their settings."""
    config = presets.load(
        "smoke",
        training={"steps": 40},
        llc={"sequences": 64, "burn_in": 60, "limits": {"relaxations": 3, "mala_acceptance": None}},
        spectrum={"sequences": 64, "steps": [0, "last"], "resolutions": [10, 1, 0.1, 1e-6]},
        llc_ladder={"n_betas": [100], "resolutions": [10, 1], "burn_in": 60, "draws": 40},
    )
    found = {}
    for M in (4, float("inf")):
        folder = tmp_path_factory.mktemp(f"M{M}")
        files = run_files(folder)
        train(Run(M, 0), trained_by(config), files, folder / "scratch", CPU, state_seconds=60)
        found[M] = {"manifest": files["manifest"], "weights": files["weights"]}
    return config, found


def test_the_spectrum_is_a_table_of_bins_and_of_llcs_by_r(trained):
    config, runs = trained
    bins, llcs = (
        rows.frame()
        for rows in measure_spectrum(
            **runs[4], run=Run(4, 0), device=CPU, **settings_for(measure_spectrum, config)
        )
    )
    for step, rows in bins.groupby("step"):
        assert rows["number"].sum() == 64 * config["data"]["context_length"], step
    assert set(llcs["step"]) == {0, 40}
    for _, rows in llcs.groupby("step"):
        ordered = rows.sort_values("resolution", ascending=False)
        assert ordered["healthy"].tolist() == [True, True, True, False]
        assert "r = 1e-06 is too fine for 64 sequences" in ordered["fault"].iloc[-1]
        assert np.isnan(ordered["llc"].iloc[-1])
        assert (np.diff(ordered["llc"].iloc[:-1]) > 0).all()
        assert (ordered["in_sample"] < ordered["llc"])[ordered["healthy"]].all()
        # Far above the largest curvature, the LLC is the trace over 2 r to first order.
        assert rows["trace"].nunique() == 1
        top = ordered.iloc[0]
        assert top["in_sample"] <= top["trace"] / (2 * top["resolution"])


def test_a_spectrum_that_resolves_nothing_is_an_error_with_a_remedy(trained):
    config, runs = trained
    finer = config | {"spectrum": config["spectrum"] | {"resolutions": [1e-6]}}
    with pytest.raises(
        ResolutionError, match=r"r = 1e-06 is too fine for 64 sequences.* takes about \d+"
    ):
        measure_spectrum(
            **runs[4], run=Run(4, 0), device=CPU, **settings_for(measure_spectrum, finer)
        )


def test_unresolved_llcs_do_not_enter_the_claims(settings):
    frames = world(lambda r, llc: llc)
    for name in ("quadratic_llc", "quadratic_llc_on_tasks"):
        fine = frames[name]["resolution"] == 0.1
        frames[name].loc[fine, ["llc", "healthy"]] = [math.nan, False]
    along = verdicts_by_resolution(
        judge_by_resolution(frames, **settings_for(judge_by_resolution, settings)).records()
    )
    assert along["8a"] == [(0.1, UNTESTABLE), (1.0, MET), (10.0, MET)]


def test_on_other_tasks_the_weights_are_those_of_the_infinite_run(trained):
    config, runs = trained
    own = measure_on_tasks(
        **runs[float("inf")], run=Run(4, 0), device=CPU, **settings_for(measure_on_tasks, config)
    ).frame()
    other = measure_on_tasks(
        **runs[float("inf")], run=Run(1, 0), device=CPU, **settings_for(measure_on_tasks, config)
    ).frame()
    assert set(own["task_diversity"]) == {4}
    assert not np.allclose(own["llc"], other["llc"], rtol=1e-3)


def test_a_cell_of_the_ladder_is_the_estimate_at_its_setting(trained):
    config, runs = trained
    cells = sample_ladder(
        **runs[4], run=Run(4, 0), device=CPU, **settings_for(sample_ladder, config)
    ).frame()
    assert cells[["n_beta", "resolution"]].to_numpy().tolist() == [[100.0, 10.0], [100.0, 1.0]]
    assert (cells["healthy"] | cells["fault"].notna()).all()
    limits = {**config["llc"]["limits"], "ess": None}  # a ladder's chains are not lengthened
    section = {
        **config["llc"], "n_beta": 100, "gamma": 1000, "burn_in": 60, "draws": 40, "limits": limits
    }  # fmt: skip
    asked = settings_for(estimate_llc, {**config, "llc": section})
    estimates, _ = estimate_llc(**runs[4], run=Run(4, 0), steps=[40], device=CPU, **asked)
    (alone,) = estimates.records()
    for column in ("llc", "resolution", "relaxations", "distance"):
        assert cells[column][0] == alone[column]
    assert cells["llc_halved"][0] != alone["llc"]
