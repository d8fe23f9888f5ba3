"""The kernel and the chains: equality with devinterp, acceptance, masks, streams."""

import copy
import math

import pytest
import torch

from tests.potentials import Potential, noise, settings
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import DataSettings, LlcSettings, ModelSettings
from transient_ridge.errors import ChainDivergedError
from transient_ridge.llc import devinterp_backend as devinterp_sampler
from transient_ridge.llc import sgld
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.functional import Layout, errors_and_gradient
from transient_ridge.model.transformer import Transformer, initialise

DATA = DataSettings(dimension=2, context_length=3, noise_variance=0.125)
MODEL = ModelSettings(2, 16, 24, 2, True, "single", 6)


def llc_settings(**changes: object) -> LlcSettings:
    base = {
        "backend": "stacked", "loss": "mse", "n_beta": 100.0, "sequences": 64, "minibatch": 16,
        "minibatches": "fixed", "components": ("all",), "per_token": False, "unhealthy": "mark",
    }  # fmt: skip
    return LlcSettings(**{**base, **changes})


def posterior(chains: int = 3, **changes: object) -> CheckpointPosterior:
    model = Transformer(DATA.dimension, MODEL)
    initialise(model, 0, 0)
    weights = {name: p.detach().clone() for name, p in model.named_parameters()}
    return CheckpointPosterior(
        model, weights, Run(4, 0), 7, root_seed=0, data=DATA, settings=llc_settings(**changes), chains=chains
    )  # fmt: skip


def devinterp_noise(layout: Layout, generator: torch.Generator) -> torch.Tensor:
    """What devinterp draws in one step, parameter by parameter."""
    return layout.flatten(
        {name: torch.normal(0.0, 1.0, shape, generator=generator) for name, shape in layout.shapes}
    )


@pytest.mark.parametrize("preconditioner", ["none", "rmsprop"])
@pytest.mark.parametrize("masked", [False, True])
def test_steps_are_devinterps_under_equal_noise_and_data(preconditioner, masked):
    """Every weight after one step, and after three, when the preconditioner has a past."""
    target = posterior(chains=2)
    hyper = settings(epsilon=1e-3, gamma=20.0, chains=2, preconditioner=preconditioner)
    n_beta = 50.0
    mask = (torch.arange(target.layout.size) % 3 > 0).float() if masked else None
    ours = target.centre.repeat(2, 1)
    scales = sgld.Preconditioner(preconditioner)
    ours_noise = [target.noise_generator(chain) for chain in range(2)]

    weights = target.layout.views(target.centre)
    masks = None if mask is None else target.layout.views(mask)
    models = [devinterp_sampler._model(target, weights) for _ in range(2)]
    optimisers = [devinterp_sampler._optimiser(m, hyper, n_beta, masks) for m in models]
    theirs_noise = [target.noise_generator(chain) for chain in range(2)]
    for step in range(3):
        here = target.evaluate(ours, step)
        scale = scales.update(here.gradient) * (1 if mask is None else mask)
        eta = torch.stack([devinterp_noise(target.layout, each) for each in ours_noise])
        ours = sgld.langevin_step(
            ours, target.centre, here.gradient, scale=scale, eta=eta, n_beta=n_beta, settings=hyper
        )
        (x, y), _ = target.minibatch(step)
        for chain, (model, optimiser) in enumerate(zip(models, optimisers, strict=True)):
            optimiser.zero_grad()
            (model(x[chain], y[chain]) - y[chain]).square().mean().backward()
            optimiser.step(noise_generator=theirs_noise[chain])
        theirs = devinterp_sampler._positions(models, target)
        assert (ours - target.centre).abs().max() > 1e-2
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("preconditioner", ["none", "rmsprop"])
def test_both_backends_agree_within_their_errors(preconditioner):
    from transient_ridge.llc.llc import estimate

    target = posterior(chains=4)
    hyper = settings(
        epsilon=5e-5, gamma=100.0, chains=4, burn_in=30, draws=120, preconditioner=preconditioner
    )
    n_beta = 300.0
    ours = sgld.sample(target, hyper, n_beta, target.noise())
    theirs = devinterp_sampler.sample(target, hyper, n_beta)
    a, b = (estimate(t, n_beta, hyper.burn_in, target.centre_errors)[0] for t in (ours, theirs))
    error = math.hypot(a.standard_error, b.standard_error)
    assert error > 0
    assert abs(a.llc - b.llc) < 4 * error
    assert a.mala_acceptance == pytest.approx(b.mala_acceptance, abs=0.1)
    assert a.noise_norm == pytest.approx(b.noise_norm, rel=0.02)
    assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=0.1)


def test_the_stacked_gradient_is_each_models_own():
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
    """Against densities of the proposal written out, in one dimension."""
    h, epsilon, scale = 3.0, 0.2, 1.7
    start, end = torch.tensor([[0.4]]).double(), torch.tensor([[-0.3]]).double()

    def density(to, origin):
        mean, variance = origin - epsilon / 2 * scale * h * origin, epsilon * scale
        return torch.distributions.Normal(mean, math.sqrt(variance)).log_prob(to)

    log_ratio = -h / 2 * end**2 + h / 2 * start**2 + density(start, end) - density(end, start)
    found = sgld.mala_acceptance(
        (start, end), [h / 2 * start[:, 0] ** 2, h / 2 * end[:, 0] ** 2], [h * start, h * end],
        torch.tensor([[scale]]), epsilon,
    )  # fmt: skip
    assert found.item() == pytest.approx(min(1.0, log_ratio.exp().item()))


def test_acceptance_falls_with_the_step():
    target = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(20))
    accepted = [
        sgld.sample(target, settings(epsilon=eps, draws=200), 100.0, noise(20, 8)).acceptance.mean()
        for eps in (1e-4, 1e-2, 3e-2)
    ]
    assert accepted[0] > 0.99
    assert 0.8 > accepted[1] > 0.6 > accepted[2]


def test_a_mask_holds_the_other_parameters_fixed():
    """The distance of masked chains is that of the two free parameters; the LLC is that of the restriction."""
    a = torch.tensor([1.0, 1.0, 1.0, 1.0]).double()
    target = Potential(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(4))
    hyper = settings(epsilon=1e-3, gamma=1.0, chains=32, burn_in=200, draws=800)
    mask = torch.tensor([1.0, 0.0, 0.0, 1.0]).double()
    free = sgld.sample(target, hyper, 100.0, noise(4, 32))
    held = sgld.sample(target, hyper, 100.0, noise(4, 32), mask)
    ratio = held.losses[:, 200:].mean() / free.losses[:, 200:].mean()
    assert ratio.item() == pytest.approx(0.5, rel=0.1)
    assert held.noise_norm.mean() < free.noise_norm.mean()


def test_relabelling_the_chains_changes_nothing():
    """Chains that swap their streams swap their traces, to the bit, and the estimate does not see it."""
    from transient_ridge.llc.llc import estimate

    target, swapped = posterior(chains=3), posterior(chains=3)
    order = [2, 0, 1]
    own_minibatch, own_generator = swapped.minibatch, swapped.noise_generator

    def minibatch(step):
        batch, errors = own_minibatch(step)
        return type(batch)(batch.x[order], batch.y[order]), errors[order]

    swapped.minibatch = minibatch
    swapped.noise_generator = lambda chain: own_generator(order[chain])
    hyper = settings(epsilon=1e-4, gamma=10.0, chains=3, burn_in=5, draws=30)
    first = sgld.sample(target, hyper, 100.0, target.noise())
    second = sgld.sample(swapped, hyper, 100.0, swapped.noise())
    torch.testing.assert_close(first.losses[order], second.losses, atol=1e-6, rtol=1e-5)
    a, b = (estimate(t, 100.0, 5, target.centre_errors)[0] for t in (first, second))
    assert a.llc == pytest.approx(b.llc, rel=1e-4)
    assert a.standard_error == pytest.approx(b.standard_error, rel=1e-3)


def test_every_chain_sees_every_sequence_once_an_epoch_and_in_its_own_order():
    target = posterior(chains=2)
    seen = [
        torch.cat([target.minibatch(step)[0].y[chain] for step in range(4)]) for chain in range(2)
    ]
    for chain in range(2):
        torch.testing.assert_close(
            seen[chain].sort(dim=0).values, target.sequences.y.sort(dim=0).values
        )
    assert not torch.equal(seen[0], seen[1])
    again = torch.cat([target.minibatch(step)[0].y[0] for step in range(4, 8)])
    assert not torch.equal(seen[0], again)


def test_the_loss_of_the_centre_on_a_minibatch():
    """Looked up for minibatches of the fixed set, computed for fresh ones, and right for both."""
    for kind in ("fixed", "fresh"):
        target = posterior(chains=2, minibatches=kind)
        (x, y), errors = target.minibatch(5)
        expected = (target.model(x.flatten(0, 1), y.flatten(0, 1)) - y.flatten(0, 1)).square()
        torch.testing.assert_close(errors.flatten(0, 1), expected.detach(), atol=1e-6, rtol=1e-5)


def test_a_step_that_is_too_large_diverges_loudly():
    target = Potential(lambda w: w.square().square().sum(dim=1), torch.zeros(2))
    with pytest.raises(
        ChainDivergedError, match=r"chain \d+ diverged by SGLD step \d+.*llc.epsilon = 10"
    ):
        sgld.sample(target, settings(epsilon=10.0), 1000.0, noise(2, 8))
