"""Samplers and chains: equality with devinterp, acceptance, masks, streams."""

import copy
import math
from dataclasses import replace

import pytest
import torch

from tests.conftest import DATA
from tests.potentials import Potential, centre, noise, settings
from transient_ridge.config import presets
from transient_ridge.config.registries import PRECONDITIONERS, SAMPLERS
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings, ModelSettings
from transient_ridge.errors import ChainDivergedError, ConfigError
from transient_ridge.llc.chains import burn_in_stages, sample
from transient_ridge.llc.curvature.metric import Metric
from transient_ridge.llc.diagnostics import mala_acceptance
from transient_ridge.llc.dynamics import Dynamics
from transient_ridge.llc.estimate import estimate
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.functional import errors_and_gradient
from transient_ridge.model.transformer import Transformer, initialise

LAPTOP = presets.load("laptop")
MODEL = ModelSettings.of(
    {**LAPTOP["model"], "layers": 2, "d_model": 16, "d_mlp": 24, "heads": 2, "positions": 6}
)


def llc_settings(**changes: object) -> LlcSettings:
    base = {"n_beta": 100.0, "sequences": 64, "minibatch": 16}
    return LlcSettings.of({**LAPTOP["llc"], **base, **changes})


def posterior(chains: int = 3, **changes: object) -> CheckpointPosterior:
    model = Transformer(DATA.dimension, MODEL)
    initialise(model, 0, 0)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    return CheckpointPosterior(
        model, weights, Run(4, 0), 7, root_seed=0, data=DATA, settings=llc_settings(**changes), chains=chains
    )  # fmt: skip


@pytest.mark.parametrize("preconditioner", ["none", "rmsprop", "diagonal"])
@pytest.mark.parametrize("masked", [False, True])
def test_steps_equal_devinterps_on_the_same_noise_and_data(preconditioner, masked):
    """Compare every weight after one step, and after three, when the preconditioner has a history."""
    target = posterior(chains=2)
    epsilon = 0.02 if preconditioner == "diagonal" else 1e-3
    hyper = settings(epsilon=epsilon, gamma=20.0, chains=2, preconditioner=preconditioner)
    n_beta = 50.0
    mask = (torch.arange(target.layout.size) % 3 > 0).float() if masked else None
    entry = PRECONDITIONERS.load(preconditioner)
    own = entry.make(entry.measure(target, target.centre[None]), n_beta, hyper.gamma)
    start, noise_of_both = target.centre.repeat(2, 1), target.noise()
    states, sources = {}, []
    for step in range(3):
        here = target.evaluate(states["sgld"].positions if states else start, step)
        metric = own.metric(here.gradient).masked(mask)
        dynamics = Dynamics(target.centre, hyper, n_beta, hyper.gamma, metric)
        if not states:
            states = {
                name: SAMPLERS.load(name).init(start, dynamics, noise_of_both)
                for name in ("sgld", "devinterp")
            }
            sources = [each.clone_state() for each in states["devinterp"].generators]
        eta = torch.stack(
            [torch.normal(0.0, 1.0, (target.layout.size,), generator=g) for g in sources]
        )
        states = {
            name: SAMPLERS.load(name).step(state, here.gradient, eta, dynamics)
            for name, state in states.items()
        }
        ours, theirs = (state.positions for state in states.values())
        assert (ours - target.centre).abs().max() > 1e-2
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    "preconditioner",
    [
        "none",  # plain SGLD
        pytest.param("rmsprop", marks=[pytest.mark.slow, pytest.mark.ci]),
        pytest.param("diagonal", marks=pytest.mark.slow),
    ],
)
def test_both_samplers_agree_within_their_errors(preconditioner):
    target = posterior(chains=16)
    epsilon = 5e-3 if preconditioner == "diagonal" else 5e-5
    hyper = settings(
        epsilon=epsilon,
        gamma=100.0,
        chains=16,
        burn_in=30,
        draws=120,
        preconditioner=preconditioner,
    )
    n_beta = 300.0
    ours = sample(target, hyper, n_beta, target.noise())
    theirs = sample(target, hyper.changed(sampler="devinterp"), n_beta, target.noise(1))
    about = centre(target.layout.size, target.centre_errors)
    a, b = (estimate(t, n_beta, hyper, about)[0] for t in (ours, theirs))
    error = math.hypot(a.standard_error, b.standard_error)
    assert error > 0
    assert abs(a.llc - b.llc) < 4 * error
    assert a.mala_acceptance == pytest.approx(b.mala_acceptance, abs=0.1)
    assert a.noise_norm == pytest.approx(b.noise_norm, rel=0.02)
    assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=0.1)


def test_the_stacked_gradient_equals_each_models_gradient():
    target = posterior(chains=3)
    positions = target.centre + 0.1 * torch.randn(
        3, target.layout.size, generator=torch.Generator().manual_seed(0)
    )
    (x, y), _ = target.minibatch(0)
    errors, gradient = errors_and_gradient(target.model, target.layout, positions, x, y)
    for chain in range(3):
        model = copy.deepcopy(target.model)
        model.load_state_dict(target.layout.views(positions[chain]))
        alone = (model(x[chain], y[chain]) - y[chain]).square()
        alone.mean().backward()
        torch.testing.assert_close(errors[chain], alone.detach())
        own = target.layout.flatten({name: p.grad for name, p in model.named_parameters()})
        torch.testing.assert_close(gradient[chain], own, atol=1e-6, rtol=1e-4)


def test_acceptance_is_the_textbook_formula():
    """Compared with the proposal's density written out in one dimension."""
    h, epsilon, scale = 3.0, 0.2, 1.7
    start, end = torch.tensor([[0.4]]).double(), torch.tensor([[-0.3]]).double()

    def density(to, origin):
        mean, variance = origin - epsilon / 2 * scale * h * origin, epsilon * scale
        return torch.distributions.Normal(mean, math.sqrt(variance)).log_prob(to)

    log_ratio = -h / 2 * end**2 + h / 2 * start**2 + density(start, end) - density(end, start)
    found = mala_acceptance(
        (start, end), [h / 2 * start[:, 0] ** 2, h / 2 * end[:, 0] ** 2], [h * start, h * end],
        Metric(torch.tensor([[scale]])), epsilon,
    )  # fmt: skip
    assert found.item() == pytest.approx(min(1.0, log_ratio.exp().item()))


def test_acceptance_falls_with_the_step():
    target = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(20))
    accepted = [
        sample(target, settings(epsilon=eps, draws=200), 100.0, noise(20, 8)).acceptance.mean()
        for eps in (1e-4, 1e-2, 3e-2)
    ]
    assert accepted[0] > 0.99
    assert 0.8 > accepted[1] > 0.6 > accepted[2]


def test_a_mask_holds_the_other_parameters_fixed():
    """With two of four equal parameters held, chains have half of the LLC, and less noise."""
    a = torch.tensor([1.0, 1.0, 1.0, 1.0]).double()
    target = Potential(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(4))
    hyper = settings(epsilon=1e-3, gamma=1.0, chains=32, burn_in=200, draws=800)
    mask = torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    free = sample(target, hyper, 100.0, noise(4, 32))
    held = sample(target, hyper, 100.0, noise(4, 32), mask)
    ratio = held.losses[:, 200:].mean() / free.losses[:, 200:].mean()
    assert ratio.item() == pytest.approx(0.5, rel=0.1)
    assert held.noise_norm.mean() < free.noise_norm.mean()


def test_relabelling_the_chains_changes_nothing():
    """Chains that swap random streams swap traces, and the estimate stays the same, up to rounding."""
    target, swapped = posterior(chains=3), posterior(chains=3)
    order = [2, 0, 1]
    own_minibatch, own_generator = swapped.minibatch, swapped.noise_generator

    def minibatch(step):
        batch, errors = own_minibatch(step)
        return type(batch)(batch.x[order], batch.y[order]), errors[order]

    swapped.minibatch = minibatch
    swapped.noise_generator = lambda chain, part=0: own_generator(order[chain], part)
    hyper = settings(epsilon=1e-4, gamma=10.0, chains=3, burn_in=5, draws=30)
    first = sample(target, hyper, 100.0, target.noise())
    second = sample(swapped, hyper, 100.0, swapped.noise())
    torch.testing.assert_close(first.losses[order], second.losses, atol=1e-6, rtol=1e-5)
    about = centre(target.layout.size, target.centre_errors)
    a, b = (estimate(t, 100.0, hyper, about)[0] for t in (first, second))
    assert a.llc == pytest.approx(b.llc, rel=1e-4)
    assert a.standard_error == pytest.approx(b.standard_error, rel=1e-3)


def test_minibatches_are_independent_draws_from_the_fixed_set():
    """With replacement, independently for each step and chain, and uniformly over the n sequences."""
    target = posterior(chains=2)
    n, B = target.settings.sequences, target.settings.minibatch
    known = {float(y): i for i, y in enumerate(target.sequences.y[:, 0])}
    seen = torch.zeros(2, n)
    repeats = 0
    for step in range(400):
        (_, y), _ = target.minibatch(step)
        for chain in range(2):
            rows = [known[float(v)] for v in y[chain, :, 0]]
            repeats += len(rows) - len(set(rows))
            seen[chain].index_add_(0, torch.tensor(rows), torch.ones(B))
    assert repeats > 0
    expected = 400 * B / n
    chi2 = ((seen - expected) ** 2 / expected).sum(dim=1)
    assert (chi2 - (n - 1)).abs().max() < 5 * math.sqrt(2 * n)  # shuffled epochs would give 0
    assert not torch.equal(target.minibatch(0)[0].y[0], target.minibatch(0)[0].y[1])
    torch.testing.assert_close(target.minibatch(3)[0].y, target.minibatch(3)[0].y)


def test_the_control_variate_keeps_the_mean_and_removes_noise():
    """Averaged over many minibatches, both gradients are grad l_n; near w* the variate leaves little noise."""
    plain, varied = posterior(chains=200), posterior(chains=200, control_variate=True)
    source = torch.Generator().manual_seed(0)
    near = plain.centre + 0.01 * torch.randn(1, plain.layout.size, generator=source)
    x, y = plain.sequences
    _, full = errors_and_gradient(plain.model, plain.layout, near, x[None], y[None])
    gradients = [target.evaluate(near.repeat(200, 1), 0).gradient for target in (plain, varied)]
    spread = [g.var(dim=0).sum().sqrt().item() for g in gradients]
    assert spread[1] < 0.3 * spread[0]
    for g, s in zip(gradients, spread, strict=True):
        assert (g.mean(dim=0) - full[0]).norm() < 2 * s / math.sqrt(200)
    at_centre = varied.evaluate(varied.centre.repeat(200, 1), 0).gradient[0]
    torch.testing.assert_close(at_centre, varied.centre_gradient, atol=1e-6, rtol=1e-5)


def test_the_stated_variance_over_minibatches_is_the_observed_one():
    target = posterior(chains=600)
    source = torch.Generator().manual_seed(0)
    away = target.centre + 0.05 * torch.randn(1, target.layout.size, generator=source)
    drawn = target.evaluate(away.repeat(600, 1), 0)
    pairs = (drawn.losses - drawn.centre_losses).mean(dim=1)
    stated = drawn.noise.mean().item()
    assert pairs.var().item() == pytest.approx(stated, rel=0.2)


def test_the_data_can_differ_from_the_runs_own():
    """q_1 holds only the root task, q_inf tasks that no run has seen; all share their inputs."""
    own, root, unseen = (posterior(chains=1, data=data) for data in ("q_M", "q_1", "q_inf"))
    assert torch.equal(own.sequences.x, root.sequences.x)
    assert torch.equal(own.sequences.x, unseen.sequences.x)

    def task_noise(target):
        """Residual variance of y around one linear map of x: sigma^2 only if there is one task."""
        x, y = target.sequences.x.flatten(0, 1), target.sequences.y.flatten()
        return (y - x @ torch.linalg.lstsq(x, y[:, None]).solution[:, 0]).var().item()

    assert task_noise(root) == pytest.approx(DATA.noise_variance, rel=0.25)
    assert task_noise(own) > 3 * DATA.noise_variance
    assert not torch.equal(own.sequences.y, unseen.sequences.y)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"preconditioner": "kronecker"},
            r"llc.preconditioner = kronecker: llc.sampler = devinterp .* diagonal, none, rmsprop",
        ),
        ({"annealing": 2}, "llc.annealing = 2: .* set it to 0"),
    ],
)  # fmt: skip
def test_what_a_sampler_does_not_support_is_refused_by_name(changes, message):
    target = posterior(chains=1)
    hyper = settings(chains=1, burn_in=1, draws=8, sampler="devinterp", **changes)
    with pytest.raises(ConfigError, match=message):
        sample(target, hyper, 1.0, target.noise())


def test_the_metric_of_a_basis_is_symmetric_and_has_its_root():
    target = posterior(chains=2)
    entry = PRECONDITIONERS.load("kronecker")
    own = entry.make(entry.measure(target, target.centre[None]), 100.0, 10.0)
    mask = (torch.arange(target.layout.size) % 3 > 0).float()
    source = torch.Generator().manual_seed(0)
    u, v = torch.randn(2, target.layout.size, generator=source)
    for metric in (own.metric(u), own.metric(u).masked(mask)):
        left, right = (metric.apply(w[None])[0] for w in (u, v))
        assert (left @ v).item() == pytest.approx((u @ right).item(), rel=1e-4)
        if metric.mask is not None:
            assert left[mask == 0].abs().max() == 0
            assert metric.root(u[None])[0][mask == 0].abs().max() == 0
        else:
            # The root of G is U scale^(1/2), so its transpose turns back.
            roots = metric.root(torch.stack((u, v)))
            inverse = replace(metric, scale=1 / metric.scale).apply(roots)
            assert (roots[0] @ inverse[1]).item() == pytest.approx((u @ v).item(), rel=1e-3)


def test_annealing_ends_half_way_through_the_burn_in():
    stages = burn_in_stages(settings(gamma=10.0, burn_in=60, annealing=3))
    assert stages == [(0, 640.0), (10, 160.0), (20, 40.0), (30, 10.0)]
    assert burn_in_stages(settings(gamma=10.0, burn_in=60)) == [(0, 10.0)]


def test_the_curvature_is_measured_only_at_the_stages_of_the_burn_in():
    """A preconditioner measured during the draws would make the chains follow themselves."""
    target = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(3))
    seen, measure = [], target.curvature_samples

    def curvature_samples(positions, part):
        seen.append((positions - target.centre).norm().item())
        return measure(positions, part)

    target.curvature_samples = curvature_samples
    hyper = settings(
        epsilon=0.1, gamma=1.0, burn_in=40, draws=40, preconditioner="diagonal", annealing=2
    )
    sample(target, hyper, 10.0, noise(3, 8))
    assert len(seen) == 3
    assert seen[0] == 0 < seen[1]


def test_curvature_that_is_not_finite_stops_the_chain():
    target = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(2))
    target.curvature_samples = lambda positions, part: iter([torch.full((1, 2), math.nan)])
    with pytest.raises(ChainDivergedError, match=r"curvature .* not finite, at step 0"):
        sample(target, settings(preconditioner="diagonal"), 1.0, noise(2, 8))


def test_the_loss_of_the_centre_on_a_minibatch():
    """It is looked up for minibatches of the fixed set and computed for fresh ones; both are right."""
    for kind in ("fixed", "fresh"):
        target = posterior(chains=2, minibatches=kind)
        (x, y), errors = target.minibatch(5)
        expected = (target.model(x.flatten(0, 1), y.flatten(0, 1)) - y.flatten(0, 1)).square()
        torch.testing.assert_close(errors.flatten(0, 1), expected.detach(), atol=1e-6, rtol=1e-5)


def test_a_step_that_is_too_large_diverges_loudly():
    target = Potential(lambda w: w.square().square().sum(dim=1), torch.zeros(2))
    with pytest.raises(
        ChainDivergedError, match=r"chain \d+ diverged by step \d+.*llc.epsilon = 10"
    ):
        sample(target, settings(epsilon=10.0), 1000.0, noise(2, 8))
