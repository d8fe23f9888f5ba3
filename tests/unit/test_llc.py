"""Estimates from traces, their diagnostics, the stage, the sweep and the cross-check."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from tests.conftest import settings_for
from tests.potentials import Potential, centre, noise, of_matrix, settings
from transient_ridge.config import presets
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.relaxation import relaxation_steps
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import HealthSettings, LlcSettings
from transient_ridge.errors import CheckpointError, ConfigError, UnhealthyChainError
from transient_ridge.llc.chains import sample
from transient_ridge.llc.curvature.metric import Metric
from transient_ridge.llc.diagnostics import Traces
from transient_ridge.llc.estimate import ChainMean, Estimate, estimate
from transient_ridge.llc.estimator import Estimator
from transient_ridge.llc.health import faults, not_equilibrated
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.llc.quadratic import Prediction, Quadratic
from transient_ridge.llc.stages.calibration import calibrate_llc
from transient_ridge.llc.stages.crosscheck import crosscheck_llc
from transient_ridge.llc.stages.llc import estimate_llc
from transient_ridge.llc.stages.llc_on_tasks import estimate_on_tasks
from transient_ridge.llc.stages.recommendation import recommend, recommend_llc
from transient_ridge.training.checkpoints import Checkpoints
from transient_ridge.training.train import train

RUN = Run(4, 0)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of a few steps: its configuration, manifest and weights."""
    folder = tmp_path_factory.mktemp("run")
    config = presets.load("smoke")
    config["training"] |= {"steps": 60, "decay_steps": 10}
    config["checkpoints"] = {"linear_every": 30, "log_count": 0, "extra_steps": []}
    config["llc"] |= {"steps": [30, 60], "burn_in": 5, "draws": 20}
    config["llc"]["limits"] = dict.fromkeys(config["llc"]["limits"])
    config["llc_calibration"]["steps"] = config["llc_crosscheck"]["steps"] = [60]
    paths = {"weights": folder / "weights", "manifest": folder / "manifest.json"}
    train(
        RUN, trained_by(config), {**paths, "training": folder / "curve.parquet"},
        scratch=folder / "scratch", device=CPU, state_seconds=1e9,
    )  # fmt: skip
    return config, paths


def changed(trained, **changes) -> dict:
    settings = json.loads(json.dumps(trained[0]))
    settings["llc"] |= changes
    return settings


def run_stage(trained, steps=(30, 60), **changes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables llc and llc_traces."""
    config, paths = changed(trained, **changes), trained[1]
    found = estimate_llc(
        **paths, run=RUN, steps=list(steps), device=CPU, **settings_for(estimate_llc, config)
    )
    return tuple(pd.DataFrame(rows.columns) for rows in found)


def fake_traces(pairs: torch.Tensor, centre: float = 1.0) -> Traces:
    """Traces (C, S, K) whose paired losses are ``pairs``; minibatch noise is added to both losses."""
    shared = centre + 0.1 * torch.randn(pairs.shape, generator=torch.Generator().manual_seed(0))
    C, S, _ = pairs.shape
    ones = torch.ones(C, 4)
    return Traces(
        losses=shared + pairs, centre_losses=shared, noise=torch.zeros(C, S), distance=2 * torch.ones(C, S),
        acceptance=0.9 * ones, gradient_norm=3 * ones, noise_norm=4 * ones, heat=0 * ones,
        probed=(0, S // 2, S - 2, S - 1), relaxation=5.0, gradient_noise=torch.zeros(2, 8),
        quadratic=Quadratic(of_matrix(torch.zeros(8, 8)), torch.zeros(8), Metric(torch.ones(1, 1)), 1.0, 1.0),
        prediction=Prediction(math.nan, math.nan, 0.0, 0.0, 0.0, *torch.zeros(2, S)),
    )  # fmt: skip


def hyper(burn_in: int):
    return settings(burn_in=burn_in, gamma=10.0)


def test_the_standard_error_covers_the_uncertainty_of_the_heating():
    """The losses have no noise; four gradients have noise in eight directions, three of which have curvature."""
    h = torch.tensor([4.0, 2.0, 1.0, 0, 0, 0, 0, 0]).double()
    quadratic = Quadratic(
        of_matrix(torch.diag(h)), torch.zeros(8), Metric(torch.full((1, 1), 0.2).double()), 1.0, 1.0
    )
    traces = fake_traces(torch.ones(4, 60, 1))._replace(quadratic=quadratic)
    # As much noise as its covariance implies: |R^T xi|^2 is 0.2 times 8 on average.
    traces = traces._replace(heat=torch.full_like(traces.heat, 1.6))
    source = torch.Generator().manual_seed(0)
    found = []
    for _ in range(200):
        noises = torch.randn(4, 8, generator=source, dtype=torch.float64)
        of = traces._replace(gradient_noise=noises)
        found += estimate(of, 1.0, hyper(10), centre(8, torch.ones(5, 1)))
    scatter = np.std([each.heating for each in found])
    stated = np.sqrt(np.mean([each.standard_error**2 for each in found]))
    assert stated == pytest.approx(scatter, rel=0.2)
    assert scatter == pytest.approx(np.std([each.llc for each in found]))


def test_an_estimate_from_traces():
    """n beta times the mean of the draws, without the burn-in, which is far off; also for each position."""
    source = torch.Generator().manual_seed(1)
    pairs = torch.tensor([0.1, 0.3]) + 0.01 * torch.randn(4, 60, 2, generator=source)
    pairs[:, :10] = 50.0
    found = estimate(
        fake_traces(pairs), 100.0, hyper(10), centre(8, torch.ones(5, 2)), per_token=True
    )
    assert [each.token for each in found] == [None, 1, 2]
    whole, first, second = found
    assert whole.llc == pytest.approx(100 * pairs[:, 10:].mean().item(), rel=1e-4)
    assert first.llc == pytest.approx(10, abs=0.2)
    assert second.llc == pytest.approx(30, abs=0.2)
    assert whole.standard_error == pytest.approx(100 * 0.01 / math.sqrt(2 * 200), rel=0.3)
    # Minibatch noise of 0.1 affects only the unpaired estimate.
    assert whole.standard_error_unpaired > 5 * whole.standard_error
    assert abs(whole.llc_unpaired - whole.llc) < 4 * whole.standard_error_unpaired
    assert whole.share_below == 0
    assert (whole.mala_acceptance, whole.distance) == (pytest.approx(0.9), 2)
    assert (whole.gradient_norm, whole.noise_norm) == (3, 4)


def test_uncertainty_about_the_centre_adds_to_the_unpaired_error():
    traces = fake_traces(torch.zeros(2, 40, 1))
    errors = torch.randn(50, 1, generator=torch.Generator().manual_seed(0)) + 1
    known = centre(8, errors)
    exact = estimate(traces, 10.0, hyper(0), known)[0]
    drawn = estimate(traces, 10.0, hyper(0), replace(known, exact=False))[0]
    extra = 10 * errors.double().std().item() / math.sqrt(50)
    expected = math.hypot(exact.standard_error_unpaired, extra)
    assert drawn.standard_error_unpaired == pytest.approx(expected)


def test_chains_that_stay_give_zero_without_error():
    found = estimate(fake_traces(torch.zeros(2, 40, 1)), 10.0, hyper(0), centre(8))[0]
    assert (found.llc, found.standard_error, found.r_hat) == (0, 0, 1)


def test_chain_statistics_detect_disagreement_and_drift():
    source = np.random.default_rng(0)
    good = source.standard_normal((4, 200))
    apart = good + np.arange(4)[:, None] * 3
    drifting = good + np.linspace(0, 6, 200)
    sticky = np.repeat(source.standard_normal((4, 20)), 10, axis=1)
    assert ChainMean.of(good).r_hat < 1.05
    assert ChainMean.of(apart).r_hat > 2
    assert ChainMean.of(drifting).r_hat > 1.3
    assert ChainMean.of(sticky).ess < 0.25 * ChainMean.of(good).ess
    assert ChainMean.of(apart).standard_error > 10 * ChainMean.of(good).standard_error
    assert ChainMean.of(good[:1]).r_hat is None


LIMITS = HealthSettings(
    r_hat=1.1, ess=100, mala_acceptance=0.8, share_below=0.1, relaxations=3, distance_trend=0.05, heating=0.1,
    locality=0.5, slope_share=0.5, missing=0.01, step_share=0.01,
)  # fmt: skip
HEALTHY = {
    "r_hat": 1.01, "ess": 500.0, "mala_acceptance": 0.95, "share_below": 0.0, "relaxations": 5.0,
    "distance_trend": 0.0, "radius_share": 1.0, "heating_share": 0.01, "locality": 0.1, "slope_share": 0.1,
    "centre_slope": 0.01, "missing": 0.001, "missing_at_start": 0.002, "b_min": 0.3, "step_share": 0.0,
}  # fmt: skip


def estimate_with(**changes) -> Estimate:
    fields = dict.fromkeys(Estimate.__dataclass_fields__, 1.0)
    return Estimate(**{**fields, **HEALTHY, **changes})


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        ({"mala_acceptance": 0.5}, "MALA acceptance after the burn-in 0.50 < 0.8: the step is too large"),
        ({"mala_acceptance": math.nan}, "MALA acceptance after the burn-in nan < 0.8"),
        ({"r_hat": 1.5}, "split R-hat 1.50 > 1.1: raise llc.burn_in or llc.draws"),
        ({"ess": 12.0}, "ESS 12 < 100: raise llc.draws or llc.chains"),
        ({"share_below": 0.4}, "40% of the draws below l(w*) > 10%: w* is not at a minimum"),
        ({"relaxations": 0.4}, "not equilibrated: the burn-in lasts 0.4 relaxations of a flat direction < 3"),
        ({"distance_trend": 0.3}, "not equilibrated: |w - w*|^2 changes by +30% during the draws (limit 5%)"),
        ({"distance_trend": -0.3}, "not equilibrated: |w - w*|^2 changes by -30% during the draws (limit 5%)"),
        ({"heating_share": 0.38}, "minibatch noise adds 38% > 10%: it heats the chains; raise llc.minibatch"),
        ({"step_share": 0.05}, "the finite step adds 5.0% > 1.0%: lower llc.epsilon, or take llc.sampler: leimkuhler"),
        ({"missing": 0.2}, "not equilibrated: the chains lack 0.2% of the LLC at the first draw and 20.0% on average"),
        ({"locality": 0.9}, "the chains are 0.90 |w*| away from w* > 0.5"),
        ({"slope_share": 0.8}, "the slope 0.01 at w* takes 80% off > 50%: w* is not at a minimum"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_remedy(change, remedy):
    assert faults(estimate_with(), LIMITS) == []
    (fault,) = faults(estimate_with(**change), LIMITS)
    assert fault.startswith(remedy)
    off = HealthSettings(**dict.fromkeys(HealthSettings.model_fields))
    assert faults(estimate_with(**change), off) == []


@pytest.mark.parametrize(
    ("epsilon", "gamma", "relaxation"), [(1e-5, 300, 667), (2e-5, 300, 333), (2e-5, 1000, 100)]
)
def test_the_burn_in_of_the_first_sweep_was_too_short(epsilon, gamma, relaxation):
    """It lasted 100 steps, and limits without relaxations had marked its chains healthy."""
    steps = relaxation_steps(settings(epsilon=epsilon, gamma=gamma))
    assert steps == pytest.approx(relaxation, abs=0.5)
    (fault,) = not_equilibrated(estimate_with(relaxations=100 / steps), LIMITS)
    assert f"the burn-in lasts {100 / relaxation:.2g} relaxations" in fault
    assert not_equilibrated(estimate_with(relaxations=3 * relaxation / steps + 0.01), LIMITS) == []


@pytest.mark.parametrize("burn_in", [0, 1200])
def test_equilibrium_shows_in_the_distance(burn_in):
    """Chains still leaving w* have a trend; those that have arrived have none and are at the prior's radius."""
    P, gamma, epsilon = 400, 10.0, 1e-3
    target = Potential(lambda w: 1e-4 * w.square().sum(dim=1), torch.zeros(P))
    chains = settings(epsilon=epsilon, gamma=gamma, chains=4, burn_in=burn_in, draws=400)
    traces = sample(target, chains, 1.0, noise(P, 4))
    assert traces.relaxation == pytest.approx(200)
    found = estimate(traces, 1.0, chains, centre(P))[0]
    assert found.relaxations == pytest.approx(burn_in / 200)
    assert bool(not_equilibrated(found, LIMITS)) == (burn_in == 0)
    if burn_in:
        assert found.radius_share == pytest.approx(1, abs=0.05)
    else:
        assert found.distance_trend > 0.5


def test_heating_is_what_minibatch_noise_adds():
    """Chains on a quadratic whose gradients have known noise, against the same chains without noise."""
    P, n_beta, gamma, epsilon, sigma = 50, 1000.0, 1.0, 2e-4, 0.3
    quadratic = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(P))

    class Noisy(Potential):
        def evaluate(self, positions, step):
            source = torch.Generator().manual_seed(step)
            exact = quadratic.evaluate(positions, step)
            eta = torch.randn(positions.shape, generator=source, dtype=torch.float64)
            return exact._replace(gradient=exact.gradient + sigma * eta)

    noisy = Noisy(quadratic.loss, quadratic.centre)
    chains = settings(epsilon=epsilon, gamma=gamma, chains=8, burn_in=200, draws=1500)
    quiet, warm = (
        estimate(sample(t, chains, n_beta, noise(P, 8)), n_beta, chains, centre(P))[0]
        for t in (quadratic, noisy)
    )
    assert quiet.heating == 0
    added = warm.llc + warm.heating - quiet.llc
    assert added > 5
    assert warm.heating == pytest.approx(added, rel=0.1)
    assert warm.heating_share == warm.heating / warm.llc


def test_the_stage_writes_what_it_sampled(trained):
    found, traces = run_stage(trained, components=["all", "layer1.head0"], per_token=True)
    assert len(found) == 2 * 2 * (1 + 3)
    assert set(found["component"]) == {"all", "layer1.head0"}
    assert len(traces) == 2 * 2 * 2  # steps, components, chains
    assert {len(trace) for trace in traces["losses"]} == {25}
    # The whole is the mean of the positions, as measured.
    part = found[(found["step"] == 60) & (found["component"] == "all")]
    whole = part[part["token"].isna()].iloc[0]
    measured = whole["llc"] - whole["slope"] + whole["heating"]
    assert part.loc[part["token"].notna(), "llc"].mean() == pytest.approx(measured)
    assert part.loc[part["token"].notna(), ["slope", "heating"]].isna().all(axis=None)
    # A part of the parameters has less of the complexity, and moves less far.
    head = found[(found["step"] == 60) & (found["component"] == "layer1.head0")].iloc[0]
    assert head["distance"] < part.iloc[0]["distance"]


def test_an_estimate_does_not_depend_on_its_chunk(trained):
    together, _ = run_stage(trained)
    alone, _ = run_stage(trained, steps=[60])
    pd.testing.assert_frame_equal(
        together[together["step"] == 60].reset_index(drop=True), alone, check_exact=True
    )


def test_the_llc_on_other_tasks_uses_the_same_weights_and_other_data(trained):
    config, paths = trained

    def on_tasks(M):
        return (
            estimate_on_tasks(
                **paths, run=Run(M, 0), device=CPU, **settings_for(estimate_on_tasks, config)
            )
            .frame()
            .iloc[0]
        )

    two, eight = on_tasks(2), on_tasks(8)
    assert (two["task_diversity"], two["seed"], two["step"]) == (2, 0, 60)
    assert (two["component"], two["centre_loss"] != eight["centre_loss"]) == ("all", True)
    estimator = estimator_of(trained)
    expected = estimator.posterior(60, Run(8, 0)).centre_errors.double().mean().item()
    assert eight["centre_loss"] == pytest.approx(expected)
    assert eight["slope"] == 0
    own = estimator.posterior(60, RUN)
    assert torch.equal(own.centre_errors, estimator.posterior(60).centre_errors)
    assert own.centre_gradient.any()


def test_on_other_tasks_the_loss_has_no_slope_at_the_centre(trained):
    """Near w* it changes as its gradient predicts and, over all minibatches, not at all to first order."""
    estimator = estimator_of(trained)
    level = estimator.posterior(60, Run(8, 0))
    posterior = CheckpointPosterior(
        level.model, level.layout.views(level.centre), RUN, 60,
        root_seed=level.root_seed, data=estimator.data, settings=level.settings, chains=level.chains,
        data_of=Run(8, 0),
    )  # fmt: skip
    slope = posterior.centre_gradient
    away = torch.stack((1e-2 * slope, 1e-2 * slope.flip(0)))
    positions = posterior.centre + away
    here, levelled = posterior.evaluate(positions, 0), level.evaluate(positions, 0)
    fallen = (away @ slope)[:, None]
    assert float(fallen.abs().max()) > 1e-3
    torch.testing.assert_close(here.losses - levelled.losses, fallen.expand_as(here.losses))
    torch.testing.assert_close(here.gradient - levelled.gradient, slope.expand(2, -1))
    assert not level.centre_gradient.any()


def test_on_other_tasks_the_control_variate_has_no_slope_either(trained):
    level = estimator_of(trained, control_variate=True).posterior(60, Run(8, 0))
    found = level.evaluate(level.centre.expand(level.chains, -1), 0).gradient
    torch.testing.assert_close(found, torch.zeros_like(found))


def estimator_of(trained, **changes) -> Estimator:
    config, paths = changed(trained, **changes), trained[1]
    return Estimator(
        RUN, trained_by(config), LlcSettings.of(config["llc"]),
        Checkpoints(**_named(paths), trained_by=trained_by(config)), CPU,
    )  # fmt: skip


def _named(paths):
    return {"manifest": paths["manifest"], "folder": paths["weights"]}


def test_n_beta_refers_to_the_named_loss(trained):
    """NLL = MSE / (2 sigma^2), so at sigma^2 = 1/8 an n beta of the NLL is four times as large on the MSE."""
    mse, _ = run_stage(trained, n_beta=400.0)
    nll, _ = run_stage(trained, n_beta=100.0, loss="nll")
    pd.testing.assert_frame_equal(mse, nll)


def test_fresh_minibatches_have_the_same_expectation(trained):
    chains = {"sequences": 512, "chains": 4, "draws": 60}
    fixed, _ = run_stage(trained, [60], **chains)
    fresh, _ = run_stage(trained, [60], minibatches="fresh", **chains)
    error = math.hypot(fixed["standard_error"].item(), fresh["standard_error"].item())
    assert abs(fixed["llc"].item() - fresh["llc"].item()) < 4 * error


def test_divergence_marks_the_row_or_fails(trained):
    wild = {"epsilon": 1.0, "n_beta": 1e6}
    row = run_stage(trained, [60], **wild)[0].iloc[0]
    assert row["llc"] is None
    assert not row["healthy"]
    assert "diverged by step" in row["fault"]
    with pytest.raises(UnhealthyChainError, match=r"LLC of all of M4-seed0 at step 60: chain \d"):
        run_stage(trained, [60], unhealthy="fail", **wild)


def test_an_unhealthy_estimate_keeps_its_number_and_gives_the_reason(trained):
    off = trained[0]["llc"]["limits"]
    assert run_stage(trained, [60], limits={**off, "ess": 1})[0]["healthy"].all()
    limits = {**off, "ess": 1e9}
    row = run_stage(trained, [60], limits=limits)[0].iloc[0]
    assert math.isfinite(row["llc"])
    assert not row["healthy"]
    assert row["fault"].startswith("ESS")
    with pytest.raises(UnhealthyChainError, match="ESS"):
        run_stage(trained, [60], limits=limits, unhealthy="fail")


def test_bad_input_is_refused(trained):
    with pytest.raises(CheckpointError, match="no checkpoint at step 59, only"):
        run_stage(trained, [59])
    with pytest.raises(
        ConfigError, match=r"llc.components = layer7.mlp: unknown; this model has all, "
    ):
        run_stage(trained, [60], components=["layer7.mlp"])
    other = changed(trained)
    other["model"]["d_model"] = 32
    with pytest.raises(
        CheckpointError, match=r"another configuration \(model.d_model: 16 there, 32 here\)"
    ):
        estimate_llc(
            **trained[1], run=RUN, steps=[60], device=CPU, **settings_for(estimate_llc, other)
        )


def test_the_sweep_and_its_recommendation(trained):
    settings = changed(trained)
    settings["llc_calibration"] |= {
        "epsilons": [1e-6, 1e-5, 10.0], "n_betas": [100.0], "gammas": [10.0, 100.0]
    }  # fmt: skip
    found, traces = calibrate_llc(
        **trained[1], run=RUN, device=CPU, **settings_for(calibrate_llc, settings)
    )
    sweep = pd.DataFrame(found.columns)
    assert len(sweep) == 6
    assert sweep.loc[sweep["epsilon"] == 10, "llc"].isna().all()
    collected = pd.DataFrame(recommend_llc(sweep).columns)
    assert collected["recommended"].sum() == 1
    assert collected.loc[collected["recommended"], "epsilon"].item() == 1e-5
    assert set(traces.columns["epsilon"]) == {1e-6, 1e-5}


def test_a_recommendation_serves_every_run_and_does_not_depend_on_the_step():
    def cell(n_beta, gamma, epsilon, llcs, healthy=(True, True), error=0.5):
        names = [
            "n_beta",
            "gamma",
            "epsilon",
            "task_diversity",
            "seed",
            "step",
            "llc",
            "healthy",
            "standard_error",
        ]
        rows = [
            (n_beta, gamma, epsilon, M, 0, 9, llc, fine, error)
            for M, llc, fine in zip((4, 8), llcs, healthy, strict=True)
        ]
        return pd.DataFrame(rows, columns=names)

    coarse = [cell(100, 900, eps, (10, 12)) for eps in (0.05, 0.1)]
    fine = [
        cell(100, 100, 0.05, (30, 40)),
        cell(100, 100, 0.1, (31, 41)),
        cell(100, 100, 0.2, (39, 50)),
    ]
    # The finest resolution, and at it the largest step that agrees with a smaller one.
    assert recommend(pd.concat(coarse + fine)) == (100, 100, 0.1)
    # If half the step gives another LLC at one M, or is unhealthy there, the coarser resolution is recommended.
    drifting = [cell(100, 100, 0.05, (30, 40)), cell(100, 100, 0.1, (31, 45))]
    assert recommend(pd.concat(coarse + drifting)) == (100, 900, 0.1)
    ill = [cell(100, 100, 0.05, (30, 40), healthy=(True, False)), cell(100, 100, 0.1, (31, 41))]
    assert recommend(pd.concat(coarse + ill)) == (100, 900, 0.1)
    # A single step size shows nothing.
    assert recommend(coarse[0]) is None


def test_the_crosscheck_compares_both_samplers(trained):
    found = crosscheck_llc(
        **trained[1], run=RUN, device=CPU, **settings_for(crosscheck_llc, changed(trained))
    )
    table = pd.DataFrame(found.columns)
    ours, theirs = (table[table["sampler"] == name].iloc[0] for name in ("sgld", "devinterp"))
    assert ours["z"] == -theirs["z"]
    error = math.hypot(ours["standard_error"], theirs["standard_error"])
    assert ours["z"] == pytest.approx((ours["llc"] - theirs["llc"]) / error)
    assert abs(ours["z"]) < 5
    assert ours["centre_loss"] == theirs["centre_loss"]
