"""The sampler against Hamiltonian Monte Carlo, on a transformer that we trained, over a ladder of resolutions."""

import numpy as np
import pytest
import torch

from tests import hmc
from tests.conftest import DATA, trained_model
from tests.potentials import settings
from transient_ridge.config import presets
from transient_ridge.config.registries import PRECONDITIONERS
from transient_ridge.config.runs import Run
from transient_ridge.config.settings import LlcSettings
from transient_ridge.llc.chains import sample
from transient_ridge.llc.curvature.gram import gram_matrix
from transient_ridge.llc.curvature.spectrum import Spectrum
from transient_ridge.llc.estimate import Centre, ChainMean, estimate
from transient_ridge.llc.posterior import CheckpointPosterior
from transient_ridge.model.functional import errors_and_gradient
from transient_ridge.regression.sequences import Sequences

N_BETA, CHAINS = 300.0, 6


def test_hmc_on_a_normal_distribution():
    """Means of squares along axes of different scale, within their errors."""
    from transient_ridge.llc.curvature.metric import Metric

    h = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)
    kept, accepted = hmc.sample(
        lambda w: (0.5 * (h * w * w).sum(dim=1), h * w), torch.zeros(16, 3, dtype=torch.float64),
        Metric(1 / torch.tensor([[2.0, 8.0, 90.0]], dtype=torch.float64)),
        step=0.5, leapfrog=4, iterations=1500, seed=0,
    )  # fmt: skip
    assert 0.8 < accepted < 1
    squares = (h * torch.stack(kept[50:], dim=1).square()).numpy()  # (C, S, 3), each of mean 1
    for axis in range(3):
        found = ChainMean.of(squares[..., axis])
        assert found.standard_error < 0.02
        assert abs(found.mean - 1) < 3.5 * found.standard_error


@pytest.fixture(scope="module")
def trained() -> CheckpointPosterior:
    """The posterior, in float64, of a transformer of 2,451 parameters after 1,500 steps of Adam on M = 4."""
    laptop = presets.load("laptop")
    model, _ = trained_model(1500, falling=700)
    llc = LlcSettings.of(
        {**laptop["llc"], "sequences": 192, "minibatch": 96, "control_variate": True}
    )

    def posterior() -> CheckpointPosterior:
        weights = {name: p.detach().clone() for name, p in model.named_parameters()}
        return CheckpointPosterior(
            model, weights, Run(4, 0), 1500, root_seed=0, data=DATA, settings=llc, chains=CHAINS
        )

    # Descend to a minimum of the loss on the sequences that the chains see.
    x, y = posterior().sequences
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(2000):
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (1 - step / 2000)
        optimiser.zero_grad()
        (model(x, y) - y).square().mean().backward()
        optimiser.step()
    model.double()
    return posterior()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("r", "step", "leapfrog", "epsilon"),
    [(10.0, 0.15, 8, 0.05), (3.0, 0.1, 10, 0.03), (1.0, 0.08, 14, 0.015)],
)
def test_the_sampler_agrees_with_hmc(trained, r, step, leapfrog, epsilon):
    """Both means agree within 4 % plus three of their standard errors."""
    posterior, gamma = trained, r * N_BETA
    assert posterior.layout.size >= 2000
    x, y = posterior.sequences
    start = float(posterior.centre_errors.mean())

    def potential(positions):
        C = len(positions)
        stacked = x.expand(C, *x.shape), y.expand(C, *y.shape)
        errors, gradient = errors_and_gradient(
            posterior.model, posterior.layout, positions, *stacked
        )
        away = positions - posterior.centre
        energy = N_BETA * errors.mean(dim=(1, 2)) + gamma / 2 * away.square().sum(dim=1)
        return energy, N_BETA * gradient + gamma * away

    def excess(positions):
        away = positions - posterior.centre
        energy = potential(positions)[0] - gamma / 2 * away.square().sum(dim=1)
        return energy - N_BETA * start

    kronecker = PRECONDITIONERS.load("kronecker")
    centres = posterior.centre.repeat(CHAINS, 1)

    def metric(positions):
        measured = kronecker.measure(posterior, positions)
        return kronecker.make(measured, N_BETA, gamma).metric(positions)

    # Start where the chains are rather than at w*, which matters at a small r.
    kept, _ = hmc.sample(
        potential, centres, metric(centres), step=step, leapfrog=leapfrog, iterations=30, seed=1
    )
    kept, accepted = hmc.sample(
        potential,
        kept[-1],
        metric(kept[-1]),
        step=step,
        leapfrog=leapfrog,
        iterations=140,
        seed=2,
    )
    assert accepted > 0.6
    along = torch.stack([excess(w) for w in kept[20:]], dim=1).numpy()
    truth = ChainMean.of(along)

    hyper = settings(
        epsilon=epsilon, gamma=gamma, chains=CHAINS, burn_in=int(16 / epsilon), draws=int(30 / epsilon),
        preconditioner="kronecker", sampler="leimkuhler_matthews", annealing=2,
    )  # fmt: skip
    traces = sample(posterior, hyper, N_BETA, posterior.noise())
    gradient = posterior.centre_gradient
    about = Centre(posterior.centre_errors, True, 1.0, gradient, posterior.layout.size)
    found = estimate(traces, N_BETA, hyper, about)[0]
    sequences = Sequences(*posterior.sequences)
    gram = gram_matrix(posterior.model, posterior.layout, posterior.centre, sequences)
    quadratic = Spectrum(gram, DATA.context_length, r).in_sample(r)
    print(
        f"r {r}: HMC {truth.mean:.2f} +- {truth.standard_error:.2f} (accepted {accepted:.2f}), SGLD {found.llc:.2f} "
        f"+- {found.standard_error:.2f} (heating {found.heating:.2f} off, slope {found.slope:.2f} on), "
        f"quadratic {quadratic:.2f}"
    )
    assert truth.standard_error < 0.05 * truth.mean
    error = np.hypot(truth.standard_error, found.standard_error)
    # HMC includes the effect of the slope at w*.
    assert abs(found.llc - found.slope - truth.mean) < 3 * error + 0.04 * truth.mean
