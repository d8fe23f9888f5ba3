"""What the quadratic around w* predicts for chains, compared with formulas, linear algebra and actual chains."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov

from tests.potentials import LinearRegression, centre, noise, of_matrix, settings
from transient_ridge.config.settings import HealthSettings
from transient_ridge.errors import ChainDivergedError
from transient_ridge.llc.chains import sample
from transient_ridge.llc.curvature.metric import Metric
from transient_ridge.llc.estimate import Estimate, estimate
from transient_ridge.llc.health import faults, not_equilibrated
from transient_ridge.llc.quadratic import Quadratic
from transient_ridge.llc.response import response
from transient_ridge.llc.target import Evaluation
from transient_ridge.model.functional import Layout

OFF = dict.fromkeys(HealthSettings.model_fields)
N_BETA, GAMMA = 50.0, 10.0


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rotation(size: int, seed: int = 0) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=generator(seed), dtype=torch.float64))[
        0
    ]


@pytest.fixture
def turned():
    """A curvature H (6, 6) that does not commute with the metric, A = n beta H + gamma, and the metric's root R."""
    U = rotation(6)
    H = U @ torch.diag(torch.tensor([0.0, 0.02, 0.3, 1.0, 2.0, 8.0]).double()) @ U.T
    scale = (1 / (N_BETA * H.diagonal() + GAMMA))[None]
    A = N_BETA * H + GAMMA * torch.eye(6).double()
    quadratic = Quadratic(of_matrix(H), torch.zeros(6).double(), Metric(scale), N_BETA, GAMMA)
    return H, A, torch.diag(scale[0].sqrt()), quadratic


def test_plain_steps_respond_as_the_formulas_predict():
    b, epsilon = torch.tensor([0.01, 0.3, 1.0, 5.0]).double(), 0.2
    found = response(settings(sampler="sgld", epsilon=epsilon), b, 300)
    kept = 1 - epsilon * b / 2
    for t in (0, 1, 7, 250):
        exact = (1 - kept ** (2 * t)) / (1 - epsilon * b / 4)
        torch.testing.assert_close(found.held()[t], exact)
    torch.testing.assert_close(found.autocorrelation(50)[20, 1:], kept[1:] ** 20, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.push[3], -epsilon / 2 * kept**3)


@pytest.mark.parametrize("sampler", ["leimkuhler_matthews", "underdamped"])
def test_exact_samplers_have_the_posteriors_variance_at_every_stable_step(sampler):
    b = torch.tensor([0.5, 1.0, 10.0, 30.0])
    held = response(settings(sampler=sampler, epsilon=0.1), b, 600).held()
    torch.testing.assert_close(held[-1], torch.ones(4).double(), atol=1e-6, rtol=0)
    assert (held[1] < 1).any()


@pytest.mark.parametrize("sampler", ["sgld", "leimkuhler_matthews", "underdamped", "devinterp"])
def test_unstable_steps_are_detected(sampler):
    b = torch.tensor([1e-6, 1.0, 39.0, 44.0])
    found = response(settings(sampler=sampler, epsilon=0.1), b, 120)
    assert found.stable().tolist() == [True, True, True, False]


def test_lambda_is_found_direction_by_direction(turned):
    """For the draw x, means of functions of the curvature, weighted by lambda, are those of the whole matrix."""
    _, A, R, quadratic = turned
    B = R @ A @ R
    x = R @ quadratic.curvature.draw
    b, U = torch.linalg.eigh(B)
    exact = (U.T @ x).square() / b
    felt = quadratic.felt
    assert felt.share.sum().item() == pytest.approx(1)
    for of in (torch.exp, torch.sqrt, torch.reciprocal):
        expected = (of(b) * exact).sum() / exact.sum()
        assert felt.mean(of(felt.b)).item() == pytest.approx(expected.item(), rel=1e-6)
    assert felt.b.max().item() == pytest.approx(b.max().item(), rel=1e-6)


def test_the_variance_of_the_loss_agrees_with_linear_algebra(turned):
    """Its autocovariance in equilibrium, over lambda, for the draw x: 1/2 x B^-1 rho W rho B^-1 x."""
    _, A, R, quadratic = turned
    B, W = R @ A @ R, R @ (A - GAMMA * torch.eye(6).double()) @ R
    x = math.sqrt(N_BETA) * R @ quadratic.curvature.draw
    answers = response(settings(sampler="sgld", epsilon=0.2), quadratic.felt.b, 3000)
    found = quadratic.felt.autocovariance(answers.autocorrelation(40))
    for t in (0, 3, 39):
        moved = torch.linalg.matrix_power(torch.eye(6).double() - 0.1 * B, t)
        along = moved @ torch.linalg.solve(B, x)
        exact = along @ W @ along / (x @ torch.linalg.solve(B, x))
        assert found[t].item() == pytest.approx(exact.item(), rel=1e-3)
    assert quadratic.felt.llc == pytest.approx(float(x @ torch.linalg.solve(B, x)) / 2)


def test_the_effect_of_the_slope_agrees_with_linear_algebra(turned):
    """n beta E[l - l(w*)] with and without the slope; the posterior is normal around its shifted mean."""
    H, A, _, quadratic = turned
    g = torch.tensor([0.1, -0.2, 0.05, 0.3, 0.0, 0.1]).double()
    shift = -N_BETA * torch.linalg.solve(A, g)
    exact = -N_BETA * (g @ shift + shift @ H @ shift / 2)
    assert exact > 0
    assert replace(quadratic, slope=g).taken == pytest.approx(exact.item(), rel=1e-8)
    assert quadratic.taken == 0


def test_the_variance_that_the_slope_adds_agrees_with_linear_algebra(turned):
    """The loss slopes at the posterior's mean, which shows in its variance over draws of that posterior."""
    H, A, _, quadratic = turned
    g = torch.tensor([0.1, -0.2, 0.05, 0.3, 0.0, 0.1]).double()
    slid = replace(quadratic, slope=g).slid
    mean, half = -N_BETA * torch.linalg.solve(A, g), torch.linalg.cholesky(torch.linalg.inv(A))
    flat, sloped = (
        N_BETA * (w @ each + 0.5 * torch.einsum("si,ij,sj->s", w, H, w)).var()
        for each, w in (
            (zero, m + torch.randn(400_000, 6, generator=generator(5)).double() @ half.T)
            for zero, m in ((0 * g, 0 * mean), (g, mean))
        )
    )
    assert slid.variance.sum().item() == pytest.approx(N_BETA * (sloped - flat).item(), rel=0.05)
    kept = 1 - 0.1 * slid.b
    answers = response(settings(sampler="sgld", epsilon=0.2), slid.b, 3000)
    found = slid.autocovariance(answers.autocorrelation(40))
    assert found[30].item() == pytest.approx((slid.variance * kept**30).sum().item(), rel=1e-3)
    assert quadratic.slid.autocovariance(torch.ones(3, 0).double()).tolist() == [0, 0, 0]


def test_the_effect_of_noise_agrees_with_the_stationary_covariance(turned):
    """The covariance that noise in the gradients adds to SGLD solves a Lyapunov equation."""
    H, A, R, quadratic = turned
    xi = torch.tensor([0.3, 0.1, -0.2, 0.4, 0.5, -0.1]).double()
    epsilon = 0.3
    step = np.eye(6) - epsilon / 2 * (R @ R @ A).numpy()
    push = epsilon / 2 * N_BETA * (R @ R @ xi).numpy()
    covariance = solve_discrete_lyapunov(step, np.outer(push, push))
    exact = N_BETA / 2 * np.trace(H.numpy() @ covariance)
    (found,) = quadratic.added_by(xi[None], settings(epsilon=epsilon), 4000).tolist()
    assert found == pytest.approx(exact, rel=1e-6)
    # Along one direction the effect is s (eps / 8) C / (1 - eps b / 4).
    s, b = N_BETA * 2 / (N_BETA * 2 + GAMMA), (N_BETA * 2 + GAMMA) / 40
    one = Quadratic(
        of_matrix(torch.eye(1).double() * 2), torch.zeros(1).double(),
        Metric(torch.ones(1, 1).double() / 40), N_BETA, GAMMA,
    )  # fmt: skip
    unit = torch.ones(1, 1).double()
    (power,) = one.power(unit).tolist()
    assert power == pytest.approx(N_BETA**2 / 40)
    (found,) = one.added_by(unit, settings(epsilon=epsilon), 4000).tolist()
    assert found == pytest.approx(s * epsilon / 8 * power / (1 - epsilon * b / 4))


def test_slope_and_heating_are_taken_out_of_the_estimate():
    """On minibatches of a regression, started off its minimum: the corrected LLC is 1/2 sum s, the raw one is not."""
    n, d, n_beta, gamma = 2000, 6, 200.0, 50.0
    x = torch.randn(n, d, generator=generator(3), dtype=torch.float64)
    y = x @ torch.ones(d).double() + 0.3 * torch.randn(n, generator=generator(4)).double()
    minimum = torch.linalg.lstsq(x, y[:, None]).solution[:, 0]
    target = LinearRegression(x, y, minimum + 0.04, 8, seed=1)
    h = torch.linalg.eigvalsh(x.T @ x / n)
    truth = (0.5 * h / (h + gamma / n_beta)).sum().item()
    hyper = settings(
        epsilon=0.2, gamma=gamma, chains=16, burn_in=200, draws=3000, preconditioner="diagonal",
        sampler="leimkuhler_matthews",
    )  # fmt: skip
    traces = sample(target, hyper, n_beta, noise(d, 16))
    about = centre(d, target.centre_errors[:, None])
    about = type(about)(about.errors, True, 1.0, target.centre_gradient, d)
    found = estimate(traces, n_beta, hyper, about)[0]
    assert found.standard_error < 0.02 * truth
    assert abs(found.llc - truth) < 3 * found.standard_error
    assert found.slope > 5 * found.standard_error
    assert found.heating > 5 * found.standard_error
    assert (found.slope_share, found.heating_share) == (
        found.slope / found.llc,
        found.heating / found.llc,
    )


class Noisy:
    """1/2 w^T H w with rotated stiff directions of curvature ``h`` among ``flat`` ones; only the loss has noise."""

    def __init__(self, h: torch.Tensor, flat: int, noise: float, seed: int) -> None:
        self.U = rotation(len(h), seed=99)
        self.h, self.noise, self.seed = h, noise, seed
        self.centre = torch.zeros(len(h) + flat).double()
        self.centre_gradient = torch.zeros_like(self.centre)
        self.layout = Layout((("w", self.centre.shape),))
        small = of_matrix(self.U @ torch.diag(h) @ self.U.T)
        stiff, rest = len(h), torch.zeros(flat).double()
        self.curvature = small._replace(
            product=lambda v: torch.cat((small.product(v[:stiff]), rest)),
            draw=torch.cat((small.draw, rest)),
        )

    def evaluate(self, positions: torch.Tensor, step: int) -> Evaluation:
        along = positions[:, : len(self.h)] @ self.U
        gradient = torch.zeros_like(positions)
        gradient[:, : len(self.h)] = (along * self.h) @ self.U.T
        chance = self.noise * torch.randn(
            len(positions), generator=generator(1_000_003 * self.seed + step), dtype=torch.float64
        )
        losses = 0.5 * along.square() @ self.h + chance
        still = torch.zeros_like(losses)[:, None]
        return Evaluation(losses[:, None], gradient, still, torch.full_like(losses, self.noise**2))

    def curvature_samples(self, positions: torch.Tensor, part: int):
        """Rows whose second moment is H. Its diagonal is exact, and the metric sees nothing else."""
        stiff = len(self.h)
        rows = torch.zeros(stiff, len(self.centre)).double()
        rows[:, :stiff] = math.sqrt(stiff) * self.h.sqrt()[:, None] * self.U.T
        yield rows


def estimated(
    target: Noisy, n_beta: float, r: float, ess: float = 0.0, **changes: object
) -> Estimate:
    hyper = settings(**{
        "gamma": n_beta * r, "epsilon": 0.1, "chains": 3, "burn_in": 60, "draws": 60, "preconditioner": "diagonal",
        "sampler": "leimkuhler_matthews", **changes,
    })  # fmt: skip
    P = len(target.centre)
    traces = sample(target, hyper, n_beta, noise(P, hyper.chains, seed=target.seed), ess=ess)
    return estimate(traces, n_beta, hyper, centre(P))[0]


@pytest.mark.parametrize(
    ("h", "r", "low"),
    [((-3, 3), 0.1, -0.3), ((-1, 2), 0.33, -0.1), ((-1, 2), 1.0, -0.05)],
)
def test_directions_that_the_metric_misses_are_detected(h, r, low):
    """100 rotated stiff directions among 10,000 flat ones, with noise of sd 10 in n beta l, ten times.

    The burn-in in relaxations of a flat direction looks healthy, but the estimate is far too low.
    """
    n_beta = 1000.0
    curvatures = torch.logspace(*h, 100, dtype=torch.float64)
    truth = (0.5 * curvatures / (curvatures + r)).sum().item()
    limits = HealthSettings(**{**OFF, "missing": 0.01})
    found = [
        estimated(Noisy(curvatures, 10_000, 10 / n_beta, seed), n_beta, r) for seed in range(10)
    ]
    assert np.mean([each.llc for each in found]) < (1 + low) * truth
    assert all(each.relaxations >= 3 for each in found)
    for each in found:
        (fault,) = not_equilibrated(each, limits)
        assert "more chains would not help" in fault
        assert fault.startswith("not equilibrated: the chains lack")
    # The predicted missing share is the actual one.
    missing = 1 - np.mean([each.llc for each in found]) / truth
    assert np.mean([each.missing for each in found]) == pytest.approx(missing, abs=0.05)


def test_directions_that_the_metric_knows_are_not_marked():
    """The same curvatures without rotation, where the diagonal is exact: the chains arrive, and the LLC is right."""
    curvatures = torch.logspace(-3, 3, 100, dtype=torch.float64)
    target = Noisy(curvatures, 1000, 0.0, 0)
    target.U = torch.eye(100).double()
    target.curvature = of_matrix(torch.diag(torch.cat((curvatures, torch.zeros(1000).double()))))
    found = estimated(target, 1000.0, 0.1, chains=16, draws=200)
    truth = (0.5 * curvatures / (curvatures + 0.1)).sum().item()
    assert (
        not_equilibrated(found, HealthSettings(**{**OFF, "missing": 0.01, "relaxations": 3})) == []
    )
    assert found.llc == pytest.approx(truth, rel=0.05)
    assert (found.b_min, found.b_max) == (pytest.approx(1, rel=1e-6), pytest.approx(1, rel=1e-6))


def test_a_step_that_is_too_long_is_refused_before_the_first_draw():
    target = Noisy(torch.tensor([1.0, 100.0]).double(), 10, 0.0, 0)
    with pytest.raises(
        ChainDivergedError, match=r"eps b = \S+, and Langevin .* set llc.epsilon below"
    ):
        estimated(target, 1000.0, 0.1, epsilon=3.0, burn_in=0)


def test_the_finite_step_is_a_fault_of_plain_steps_only():
    target = Noisy(torch.tensor([1.0, 2.0]).double(), 10, 0.0, 0)
    limits = HealthSettings(**{**OFF, "step_share": 0.01})
    plain, averaged = (
        estimated(target, 1000.0, 0.1, sampler=name, epsilon=0.3)
        for name in ("sgld", "leimkuhler_matthews")
    )
    (fault,) = faults(plain, limits)
    assert fault.startswith("the finite step adds ")
    assert faults(averaged, limits) == []


def test_chains_are_lengthened_until_their_effective_draws_suffice():
    """To the ESS that health requires, to at most four times the draws, and not if noise makes draws independent."""
    curvatures = torch.logspace(-1.5, 1.5, 60, dtype=torch.float64)
    quiet, noisy = (Noisy(curvatures, 20, noise, 0) for noise in (0.0, 0.1))
    how = {"preconditioner": "kronecker", "epsilon": 0.2}
    short, long = (estimated(quiet, 1000.0, 0.3, ess=ess, **how) for ess in (0.0, 50.0))
    assert short.ess < 30
    assert 50 <= long.ess < 180
    assert 100 < estimated(noisy, 1000.0, 0.3, ess=50.0, **how).ess <= 180
    assert 0 < estimated(quiet, 1000.0, 0.3, draws=16, ess=1000.0, **how).ess < 192


def test_error_bars_cover_as_often_as_stated():
    """60 short estimates with much minibatch noise: 68 and 95 % of them within one and 1.96 errors of the truth.

    The tolerance is two standard deviations of the binomial. ESS never exceeds the number of draws.
    """
    curvatures = torch.logspace(-1.5, 1.5, 60, dtype=torch.float64)
    truth = (0.5 * curvatures / (curvatures + 0.3)).sum().item()
    found = [estimated(Noisy(curvatures, 20, 6e-3, seed), 1000.0, 0.3, burn_in=120, preconditioner="kronecker")
             for seed in range(60)]  # fmt: skip
    z = np.array([(each.llc - truth) / each.standard_error for each in found])
    for share, width in ((0.68, 1.0), (0.95, 1.96)):
        assert abs((abs(z) < width).mean() - share) < 2 * math.sqrt(share * (1 - share) / 60)
    assert max(each.ess for each in found) <= 180
    assert abs(z.mean()) < 3 / math.sqrt(60)
