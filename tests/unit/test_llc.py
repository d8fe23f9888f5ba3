"""Estimates from traces, their diagnostics, the stage, the sweep and the cross-check."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import load
from transient_ridge.artefacts import tables
from transient_ridge.config import configuration as config
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import HealthSettings
from transient_ridge.errors import CheckpointError, ConfigError, UnhealthyChainError
from transient_ridge.llc import llc, sgld
from transient_ridge.llc import llc_calibration as calibration
from transient_ridge.training.train import Outputs, train

RUN = Run(4, 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a few steps: its settings, manifest and weights."""
    folder = tmp_path_factory.mktemp("run")
    settings = load("smoke")
    settings["training"]["steps"] = 60
    settings["checkpoints"] = {"linear_every": 30, "log_count": 0, "extra_steps": []}
    settings["llc"] |= {"steps": [30, 60], "burn_in": 5, "draws": 20}
    settings["llc"]["limits"] = dict.fromkeys(settings["llc"]["limits"])
    settings["llc_calibration"]["steps"] = settings["llc_crosscheck"]["steps"] = [60]
    outputs = Outputs(folder / "weights", folder / "manifest.json", folder / "curve.parquet")
    train(
        RUN, config.stage_settings(settings, "train"), outputs, scratch=folder / "scratch",
        device=torch.device("cpu"), state_seconds=1e9,
    )  # fmt: skip
    return settings, outputs


def stage_settings(trained, stage="llc", **changes) -> dict:
    settings = json.loads(json.dumps(config.stage_settings(trained[0], stage)))
    settings["llc"] |= changes
    return settings


def run_stage(trained, tmp_path, steps=(30, 60), name="llc", **changes) -> pd.DataFrame:
    outputs = trained[1]
    llc.estimate_llc(
        RUN, stage_settings(trained, **changes), list(steps), outputs.manifest, outputs.weights,
        estimates=tmp_path / f"{name}.parquet", traces=tmp_path / f"{name}-traces.parquet",
        device=torch.device("cpu"),
    )  # fmt: skip
    return tables.read(tmp_path / f"{name}.parquet", "llc").to_pandas()


def fake_traces(pairs: torch.Tensor, centre: float = 1.0) -> sgld.Traces:
    """Traces (C, S, K) whose paired losses are ``pairs``; minibatch noise is added to both losses."""
    shared = centre + 0.1 * torch.randn(pairs.shape, generator=torch.Generator().manual_seed(0))
    ones = torch.ones(len(pairs), 4)
    return sgld.Traces(shared + pairs, shared, 0.9 * ones, 2 * ones, 3 * ones, 4 * ones)


def test_an_estimate_from_traces():
    """n beta times the mean after the burn-in, which is far off; per position it is that position's."""
    source = torch.Generator().manual_seed(1)
    pairs = torch.tensor([0.1, 0.3]) + 0.01 * torch.randn(4, 60, 2, generator=source)
    pairs[:, :10] = 50.0
    found = llc.estimate(fake_traces(pairs), 100.0, 10, torch.full((5, 2), 1.0), per_token=True)
    assert [each.token for each in found] == [None, 1, 2]
    whole, first, second = found
    assert whole.llc == pytest.approx(100 * pairs[:, 10:].mean().item(), rel=1e-4)
    assert first.llc == pytest.approx(10, abs=0.2)
    assert second.llc == pytest.approx(30, abs=0.2)
    assert whole.standard_error == pytest.approx(100 * 0.01 / math.sqrt(2 * 200), rel=0.3)
    # Minibatch noise of 0.1 hits the unpaired estimate alone.
    assert whole.standard_error_unpaired > 5 * whole.standard_error
    assert abs(whole.llc_unpaired - whole.llc) < 4 * whole.standard_error_unpaired
    assert whole.share_below == 0
    assert (whole.mala_acceptance, whole.distance) == (pytest.approx(0.9), 2)
    assert (whole.gradient_norm, whole.noise_norm) == (3, 4)


def test_what_is_unknown_of_the_centre_adds_to_the_unpaired_error():
    traces = fake_traces(torch.zeros(2, 40, 1))
    centre = torch.randn(50, 1, generator=torch.Generator().manual_seed(0)) + 1
    exact = llc.estimate(traces, 10.0, 0, centre)[0]
    drawn = llc.estimate(traces, 10.0, 0, centre, exact_centre=False)[0]
    extra = 10 * centre.double().std().item() / math.sqrt(50)
    expected = math.hypot(exact.standard_error_unpaired, extra)
    assert drawn.standard_error_unpaired == pytest.approx(expected)


def test_chains_that_stay_give_zero_without_error():
    found = llc.estimate(fake_traces(torch.zeros(2, 40, 1)), 10.0, 0, torch.ones(3, 1))[0]
    assert (found.llc, found.standard_error, found.r_hat) == (0, 0, 1)


def test_chain_statistics_see_disagreement_and_drift():
    source = np.random.default_rng(0)
    good = source.standard_normal((4, 200))
    apart = good + np.arange(4)[:, None] * 3
    drifting = good + np.linspace(0, 6, 200)
    sticky = np.repeat(source.standard_normal((4, 20)), 10, axis=1)
    assert llc.ChainMean.of(good).r_hat < 1.05
    assert llc.ChainMean.of(apart).r_hat > 2
    assert llc.ChainMean.of(drifting).r_hat > 1.3
    assert llc.ChainMean.of(sticky).ess < 0.25 * llc.ChainMean.of(good).ess
    assert llc.ChainMean.of(apart).standard_error > 10 * llc.ChainMean.of(good).standard_error
    assert llc.ChainMean.of(good[:1]).r_hat is None


LIMITS = HealthSettings(r_hat=1.1, ess=100, mala_acceptance=0.8, share_below=0.1)


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"mala_acceptance": 0.5}, "MALA acceptance 0.50 < 0.8: lower llc.epsilon"),
        ({"r_hat": 1.5}, "split R-hat 1.50 > 1.1: raise llc.burn_in or llc.draws"),
        ({"ess": 12.0}, "ESS 12 < 100: raise llc.draws or llc.chains"),
        ({"share_below": 0.4}, "40% of the draws below l(w*) > 10%: w* is not at a minimum"),
    ],
)
def test_a_fault_is_named_with_its_remedy(change, remedy):
    healthy = {"r_hat": 1.01, "ess": 500.0, "mala_acceptance": 0.95, "share_below": 0.0}
    fields = dict.fromkeys(llc.Estimate.__dataclass_fields__, 1.0)
    assert llc.faults(llc.Estimate(**{**fields, **healthy}), LIMITS) == []
    (fault,) = llc.faults(llc.Estimate(**{**fields, **healthy, **change}), LIMITS)
    assert fault.startswith(remedy)
    off = HealthSettings(None, None, None, None)
    assert llc.faults(llc.Estimate(**{**fields, **healthy, **change}), off) == []


def test_the_stage_writes_what_it_sampled(trained, tmp_path):
    found = run_stage(trained, tmp_path, components=["all", "layer1.head0"], per_token=True)
    assert len(found) == 2 * 2 * (1 + 3)
    assert found["healthy"].all()
    assert set(found["component"]) == {"all", "layer1.head0"}
    traces = tables.read(tmp_path / "llc-traces.parquet", "llc_traces").to_pandas()
    assert len(traces) == 2 * 2 * 2  # steps, components, chains
    assert {len(trace) for trace in traces["losses"]} == {25}
    # The whole is the mean of the positions.
    part = found[(found["step"] == 60) & (found["component"] == "all")]
    whole = part.loc[part["token"].isna(), "llc"].item()
    assert part.loc[part["token"].notna(), "llc"].mean() == pytest.approx(whole)
    # A part of the parameters holds less of the complexity, and moves less far.
    head = found[(found["step"] == 60) & (found["component"] == "layer1.head0")].iloc[0]
    assert head["distance"] < part.iloc[0]["distance"]


def test_an_estimate_does_not_depend_on_its_chunk(trained, tmp_path):
    together = run_stage(trained, tmp_path)
    alone = run_stage(trained, tmp_path, steps=[60], name="alone")
    pd.testing.assert_frame_equal(
        together[together["step"] == 60].reset_index(drop=True), alone, check_exact=True
    )


def test_n_beta_means_the_loss_that_is_named(trained, tmp_path):
    """NLL = MSE / (2 sigma^2): n beta of the one is 4 n beta of the other at sigma^2 = 1/8."""
    mse = run_stage(trained, tmp_path, n_beta=400.0)
    nll = run_stage(trained, tmp_path, name="nll", n_beta=100.0, loss="nll")
    pd.testing.assert_frame_equal(mse, nll)


def test_fresh_minibatches_have_the_same_expectation(trained, tmp_path):
    fixed = run_stage(trained, tmp_path, [60], sequences=512, chains=4, draws=60)
    fresh = run_stage(
        trained, tmp_path, [60], "fresh", sequences=512, chains=4, draws=60, minibatches="fresh"
    )
    error = math.hypot(fixed["standard_error"].item(), fresh["standard_error"].item())
    assert abs(fixed["llc"].item() - fresh["llc"].item()) < 4 * error


def test_divergence_marks_the_row_or_fails(trained, tmp_path):
    wild = {"epsilon": 1.0, "n_beta": 1e6}
    row = run_stage(trained, tmp_path, [60], **wild).iloc[0]
    assert math.isnan(row["llc"])
    assert not row["healthy"]
    assert "diverged by SGLD step" in row["fault"]
    with pytest.raises(UnhealthyChainError, match=r"LLC of all of M4-seed0 at step 60: chain \d"):
        run_stage(trained, tmp_path, [60], "failed", unhealthy="fail", **wild)
    assert not (tmp_path / "failed.parquet").exists()


def test_an_unhealthy_estimate_keeps_its_number_and_says_why(trained, tmp_path):
    limits = {"r_hat": None, "ess": 1e9, "mala_acceptance": None, "share_below": None}
    row = run_stage(trained, tmp_path, [60], limits=limits).iloc[0]
    assert math.isfinite(row["llc"])
    assert not row["healthy"]
    assert row["fault"].startswith("ESS")
    with pytest.raises(UnhealthyChainError, match="ESS"):
        run_stage(trained, tmp_path, [60], "failed", limits=limits, unhealthy="fail")


def test_bad_input_is_refused(trained, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint at step 59, only"):
        run_stage(trained, tmp_path, [59])
    with pytest.raises(
        ConfigError, match=r"llc.components = layer7.mlp: unknown; this model has all, "
    ):
        run_stage(trained, tmp_path, [60], components=["layer7.mlp"])
    other = stage_settings(trained)
    other["train"]["model"]["d_model"] = 32
    outputs = trained[1]
    with pytest.raises(
        CheckpointError, match=r"another configuration \(model.d_model: 16 there, 32 here\)"
    ):
        llc.estimate_llc(
            RUN, other, [60], outputs.manifest, outputs.weights, estimates=tmp_path / "x",
            traces=tmp_path / "y", device=torch.device("cpu"),
        )  # fmt: skip


def test_the_sweep_and_its_recommendation(trained, tmp_path):
    settings = stage_settings(trained, "llc_calibration")
    settings["sweep"] |= {"epsilons": [1e-5, 10.0], "n_betas": [100.0], "gammas": [10.0, 100.0]}
    outputs, files = trained[1], [tmp_path / "sweep.parquet", tmp_path / "traces.parquet"]
    calibration.calibrate(
        RUN, settings, outputs.manifest, outputs.weights, estimates=files[0], traces=files[1],
        device=torch.device("cpu"),
    )  # fmt: skip
    sweep = tables.read(files[0], "llc_calibration").to_pandas()
    assert len(sweep) == 4
    assert sweep.loc[sweep["epsilon"] == 10, "llc"].isna().all()
    calibration.collect_calibration([files[0]], tmp_path / "all.parquet")
    collected = tables.read(tmp_path / "all.parquet", "llc_calibration").to_pandas()
    assert collected["recommended"].sum() == 1
    assert collected.loc[collected["recommended"], "epsilon"].item() == 1e-5
    traced = tables.read(files[1], "llc_calibration_traces").to_pandas()
    assert set(traced["epsilon"]) == {1e-5}


def test_a_recommendation_serves_every_run():
    rows = [
        # n_beta, gamma, epsilon, healthy, llc, standard error
        (100, 1, 1e-5, True, 10, 0.1), (100, 1, 1e-5, False, 10, 0.1),
        (100, 1, 1e-6, True, 10, 0.2), (100, 1, 1e-6, True, 10, 3.0),
        (100, 9, 1e-6, True, 10, 0.5), (100, 9, 1e-6, True, 10, 0.6),
    ]  # fmt: skip
    names = ["n_beta", "gamma", "epsilon", "healthy", "llc", "standard_error"]
    frame = pd.DataFrame(rows, columns=names)
    assert calibration.recommend(frame) == (100, 9, 1e-6)
    assert calibration.recommend(frame[frame["epsilon"] == 1e-5]) is None


def test_the_crosscheck_compares_both_backends(trained, tmp_path):
    settings, outputs = stage_settings(trained, "llc_crosscheck"), trained[1]
    calibration.crosscheck(
        RUN, settings, outputs.manifest, outputs.weights, comparison=tmp_path / "check.parquet",
        device=torch.device("cpu"),
    )  # fmt: skip
    table = tables.read(tmp_path / "check.parquet", "llc_crosscheck").to_pandas()
    ours, theirs = (table[table["backend"] == name].iloc[0] for name in ("stacked", "devinterp"))
    assert ours["z"] == -theirs["z"]
    error = math.hypot(ours["standard_error"], theirs["standard_error"])
    assert ours["z"] == pytest.approx((ours["llc"] - theirs["llc"]) / error)
    assert abs(ours["z"]) < 5
    assert ours["centre_loss"] == theirs["centre_loss"]
