"""LLC estimates of models with a known answer."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

from tests.potentials import (
    LinearRegression,
    Potential,
    centre,
    noise,
    quadratic_expectation,
    reduced_rank_coefficient,
    settings,
)
from transient_ridge.errors import ChainDivergedError
from transient_ridge.llc.benchmark import PROBLEMS, SAMPLERS, answers, table
from transient_ridge.llc.chains import sample
from transient_ridge.llc.estimate import ChainMean, Estimate, estimate
from transient_ridge.llc.known import DeepLinear, LinearAttention, NormalCrossing
from transient_ridge.llc.target import Target


def llc(target: Target, n_beta: float, seed: int = 0, **changes: object) -> Estimate:
    hyper = settings(**changes)
    traces = sample(target, hyper, n_beta, noise(len(target.centre), hyper.chains, seed))
    return estimate(traces, n_beta, hyper, centre(len(target.centre)))[0]


def within_three_errors(found: Estimate, truth: float) -> bool:
    # A large error would make the comparison meaningless.
    assert found.standard_error < 0.1 * truth
    return abs(found.llc - truth) < 3 * found.standard_error


@pytest.mark.parametrize("rank", [1, 3, 6])
def test_quadratic_of_any_rank(rank):
    """lambda = rank / 2, up to the localisation and the finite step, which are known exactly."""
    curvatures = np.zeros(6)
    curvatures[:rank] = np.linspace(0.5, 2.0, rank)
    a = torch.from_numpy(curvatures)
    target = Potential(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(6))
    hyper = {"epsilon": 2e-4, "gamma": 5.0}
    found = llc(target, 1000.0, chains=16, burn_in=300, draws=1500, **hyper)
    exact = quadratic_expectation(curvatures, 1000.0, hyper["gamma"], hyper["epsilon"])
    assert exact == pytest.approx(rank / 2, rel=0.08)
    assert within_three_errors(found, exact)


@pytest.mark.parametrize(("k1", "k2"), [(1, 1), pytest.param(1, 2, marks=pytest.mark.slow), (2, 3)])
def test_normal_crossing(k1, k2):
    """l = w1^(2 k1) w2^(2 k2): lambda = 1 / (2 max k), of multiplicity 2 where k1 = k2.

    The chains are compared with the exact Gibbs expectation at their n beta and gamma, and that expectation with
    lambda - (m - 1) / log(n beta) as n beta grows.
    """

    target = NormalCrossing(k1, k2)
    coefficient, multiplicity = target.coefficient
    far = target.expectation(1e12, 1.0)
    assert far == pytest.approx(coefficient - (multiplicity - 1) / math.log(1e12), rel=0.05)

    gamma, epsilon = {1: (50.0, 2e-4), 2: (5.0, 1e-3), 3: (3.0, 5e-4)}[max(k1, k2)]
    found = llc(target, 1000.0, epsilon=epsilon, gamma=gamma, chains=128, burn_in=1000, draws=3000)
    assert within_three_errors(found, target.expectation(1000.0, gamma))


def test_deep_linear_networks_of_two_layers_are_reduced_rank_regressions():
    """Two independently derived closed forms agree for all small widths and ranks."""
    for M, N, H in itertools.product(range(1, 6), repeat=3):
        for r in range(min(M, N, H) + 1):
            found = DeepLinear((M, H, N), r).coefficient
            assert found == pytest.approx(reduced_rank_coefficient(M, N, H, r)), (M, N, H, r)


@pytest.mark.parametrize(
    "target", [DeepLinear((3, 4, 2, 3), 1), NormalCrossing(1, 2)], ids=["deep", "crossing"]
)
def test_gradients_and_curvature_of_known_losses(target):
    """Compared with autograd, away from w* and at it."""
    source = torch.Generator().manual_seed(0)
    w = target.centre + 0.3 * torch.randn(4, len(target.centre), generator=source).double()

    def loss(position):
        if isinstance(target, NormalCrossing):
            return (position[0] ** 1 * position[1] ** 2) ** 2
        product = torch.linalg.multi_dot(list(target.layout.views(position).values())[::-1])
        return 0.5 * (product - target.truth).square().sum()

    here = target.evaluate(w, 0)
    for i, position in enumerate(w):
        assert float(here.losses[i]) == pytest.approx(float(loss(position)))
        torch.testing.assert_close(here.gradient[i], torch.func.grad(loss)(position))
    v = torch.cat(list(target.curvature_samples(target.centre[None], 0)))
    torch.testing.assert_close(v.T @ v / len(v), torch.func.hessian(loss)(target.centre))


def test_the_benchmark_is_a_row_per_problem_and_a_cell_per_sampler():
    lines = list(table(answers(chains=2, burn_in=4, draws=8)))
    assert len(lines) == 2 + len(PROBLEMS)
    assert {line.count("|") for line in lines} == {4 + len(SAMPLERS)}
    assert "| reduced rank 4-3-2, rank 1 | 3.5, 1 | 3.5 |" in lines[4]


#: (M, N, H, r) for every case of the closed form, and whether it is quick.
CASES = [
    pytest.param((4, 2, 3, 1)),
    pytest.param((3, 3, 2, 1), marks=pytest.mark.slow),
    pytest.param((1, 3, 1, 0), marks=pytest.mark.slow),
    pytest.param((3, 1, 1, 1), marks=pytest.mark.slow),
    pytest.param((1, 1, 3, 0)),
]


@pytest.mark.parametrize("case", CASES)
def test_reduced_rank_regression(case):
    """Compared with the closed form of Aoyagi and Watanabe, with its log log term where the multiplicity is 2."""
    M, N, H, r = case
    target = DeepLinear((M, H, N), r)
    assert target.coefficient == reduced_rank_coefficient(*case)
    n_beta = 1000.0
    found = llc(target, n_beta, epsilon=5e-5, gamma=1.0, chains=32, burn_in=3000, draws=4000)
    assert within_three_errors(found, target.expectation(n_beta, 1.0))


def test_linear_attention():
    """D^2 + 3 D + 1 of its (D + 1)(D + 2) directions count, and chains find half of that number."""
    target = LinearAttention(2)
    positions = target.centre + 0.1 * torch.randn(3, 12, generator=torch.Generator().manual_seed(0))
    positions.requires_grad_()
    there = target.evaluate(positions, 0)
    (slope,) = torch.autograd.grad(there.losses.sum(), positions)
    torch.testing.assert_close(there.gradient, slope)
    assert target.evaluate(target.centre[None], 0).losses.item() == 0
    rows = torch.cat(list(target.curvature_samples(target.centre[None], part=0)))
    assert int(torch.linalg.matrix_rank(rows)) == 11
    assert target.coefficient.value == 5.5
    hyper = {"preconditioner": "kronecker", "sampler": "leimkuhler_matthews", "epsilon": 0.05}
    found = llc(target, 1000.0, gamma=1.0, chains=16, burn_in=300, draws=1000, **hyper)
    assert target.expectation(1000.0, 1.0) == pytest.approx(5.5, rel=0.02)
    assert within_three_errors(found, target.expectation(1000.0, 1.0))


@pytest.mark.parametrize("minibatch", [64, pytest.param(512, marks=pytest.mark.slow)])
def test_linear_regression_with_its_known_posterior(minibatch):
    """The exact Gibbs expectation at finite n beta, around a w* that is not the minimum."""
    source = torch.Generator().manual_seed(3)
    n, d, n_beta, gamma = 2000, 4, 200.0, 10.0
    x = torch.randn(n, d, generator=source, dtype=torch.float64)
    y = x @ torch.tensor([1.0, -1, 0.5, 2]).double() + torch.randn(n, generator=source).double()
    start = torch.linalg.lstsq(x, y[:, None]).solution[:, 0] + 0.02
    target = LinearRegression(x, y, start, minibatch, seed=1)
    hessian, residual = x.T @ x / n, x @ start - y
    slope = x.T @ residual / n
    # Gaussian posterior: precision P = n beta H + gamma, mean w* - P^-1 n beta slope.
    covariance = torch.linalg.inv(n_beta * hessian + gamma * torch.eye(d).double())
    shift = -covariance @ (n_beta * slope)
    exact = 0.5 * n_beta * (hessian @ covariance).trace()
    by_slope = n_beta * (
        slope @ shift + 0.5 * shift @ hessian @ shift
    )  # what the distance of w* from the minimum takes off
    hyper = settings(epsilon=1e-4, gamma=gamma, chains=16, burn_in=500, draws=5000)
    traces = sample(target, hyper, n_beta, noise(d, 16))
    found = estimate(traces, n_beta, hyper, centre(d, target.centre_errors[:, None]))[0]
    assert within_three_errors(found, float(exact))
    assert found.slope_share == pytest.approx(-float(by_slope / exact), rel=0.05)
    gap = found.llc_unpaired - float(exact)
    assert abs(gap) < 3 * found.standard_error_unpaired
    if minibatch == 64:  # pairing gains more with smaller minibatches
        assert found.standard_error_unpaired > 1.4 * found.standard_error


def test_the_standard_error_is_calibrated():
    """Over 150 replications z = (estimate - truth) / error is standard normal.

    One call samples 600 chains; groups of four are the replications.
    """
    a = torch.tensor([1.0, 0.3, 0.1]).double()
    n_beta, gamma, epsilon, groups = 300.0, 5.0, 1e-3, 150
    target = Potential(lambda w: 0.5 * (a * w * w).sum(dim=1), torch.zeros(3))
    hyper = settings(epsilon=epsilon, gamma=gamma, chains=4 * groups, burn_in=400, draws=1200)
    traces = sample(target, hyper, n_beta, noise(3, 4 * groups))
    truth = quadratic_expectation(a.numpy(), n_beta, gamma, epsilon)
    pairs = n_beta * traces.losses[:, hyper.burn_in :, 0].numpy().reshape(groups, 4, -1)
    means = [ChainMean.of(pair) for pair in pairs]
    z = np.array([(each.mean - truth) / each.standard_error for each in means])
    for level in (0.5, 0.683, 0.954):
        covered = int((np.abs(z) < stats.norm.ppf(0.5 + level / 2)).sum())
        assert stats.binomtest(covered, groups, level).pvalue > 0.003, (level, covered / groups)


def test_a_dead_parameter_changes_nothing():
    curvatures = np.array([2.0, 0.7, 0.7])
    a = torch.from_numpy(curvatures)
    dead = torch.cat((a, torch.zeros(1)))
    hyper = {"epsilon": 5e-4, "gamma": 5.0, "chains": 32, "burn_in": 300, "draws": 1500}
    alone = llc(Potential(lambda w: 0.5 * (a * w * w).sum(1), torch.zeros(3)), 500.0, **hyper)
    more = llc(
        Potential(lambda w: 0.5 * (dead * w * w).sum(1), torch.zeros(4)), 500.0, seed=1, **hyper
    )
    error = math.hypot(alone.standard_error, more.standard_error)
    assert abs(alone.llc - more.llc) < 3 * error
    assert error < 0.05 * alone.llc


#: Six decades of curvature, rotated so that no weight is an eigenvector.
DECADES = np.logspace(-3, 3, 25)


def turned(curvatures: np.ndarray) -> Potential:
    source = torch.Generator().manual_seed(0)
    P = len(curvatures)
    U, _ = torch.linalg.qr(torch.randn(P, P, generator=source, dtype=torch.float64))
    a = torch.from_numpy(curvatures)
    return Potential(lambda w: 0.5 * (w @ U).square() @ a, torch.zeros(P))


@pytest.mark.parametrize("r", [10.0, 0.1, 0.001])
def test_condition_number_of_a_million(r):
    """Few steps of a preconditioned chain find the LLC of a quadratic at every resolution."""
    n_beta = 1000.0
    s = DECADES / (DECADES + r)
    hyper = {"epsilon": 1.0, "gamma": r * n_beta, "chains": 32, "burn_in": 20, "draws": 500}
    found = llc(
        turned(DECADES), n_beta, preconditioner="kronecker", sampler="leimkuhler_matthews", **hyper
    )  # fmt: skip
    assert within_three_errors(found, 0.5 * s.sum())
    assert found.radius_share < 1.05


@pytest.mark.parametrize("preconditioner", ["none", "diagonal", "kronecker"])
def test_preconditioners_do_not_change_the_law(preconditioner):
    """Along the axes and rotated, moderately anisotropic; the effect of the finite step is not known exactly."""
    curvatures = np.array([3.0, 1.0, 0.3, 0.1, 0.0])
    n_beta, gamma = 200.0, 20.0
    h = n_beta * curvatures
    epsilon = 2e-4 if preconditioner == "none" else 0.1
    found = llc(
        turned(curvatures), n_beta, preconditioner=preconditioner, sampler="leimkuhler_matthews",
        epsilon=epsilon, gamma=gamma, chains=32, burn_in=1500, draws=3000,
    )  # fmt: skip
    assert within_three_errors(found, float((0.5 * h / (h + gamma)).sum()))


def test_averaged_noise_is_exact_where_independent_noise_is_not():
    """At eps h = 1 plain Langevin steps have 4/3 of the variance, averaged noise the right one."""
    curvatures = np.ones(10)
    target = Potential(lambda w: 0.5 * w.square().sum(dim=1), torch.zeros(10))
    n_beta, gamma = 90.0, 10.0
    hyper = {"epsilon": 0.01, "gamma": gamma, "chains": 32, "burn_in": 100, "draws": 1000}
    truth = float((0.5 * n_beta * curvatures / (n_beta * curvatures + gamma)).sum())
    plain, averaged = (
        llc(target, n_beta, sampler=kind, **hyper) for kind in ("sgld", "leimkuhler_matthews")
    )
    assert within_three_errors(averaged, truth)
    assert within_three_errors(plain, quadratic_expectation(curvatures, n_beta, gamma, 0.01))
    assert plain.llc > 1.3 * truth


def test_annealing_arrives_where_plain_burn_in_does_not():
    """Quartic walls, where the curvature at w* differs from that at the chains."""
    target = Potential(lambda w: w.square().square().sum(dim=1), torch.zeros(8))
    n_beta, gamma = 1000.0, 1.0
    hyper = {"epsilon": 0.2, "gamma": gamma, "chains": 64, "draws": 1500}
    annealed = llc(
        target, n_beta, preconditioner="diagonal", annealing=4, burn_in=200, sampler="leimkuhler_matthews", **hyper
    )  # fmt: skip
    grid = np.linspace(-2, 2, 20001)
    weight = np.exp(-n_beta * grid**4 - gamma / 2 * grid**2)
    truth = 8 * float((n_beta * grid**4 * weight).sum() / weight.sum())
    assert annealed.llc == pytest.approx(truth, rel=0.05)
    with pytest.raises(ChainDivergedError):
        llc(
            target, n_beta, preconditioner="diagonal", burn_in=200, sampler="leimkuhler_matthews", **hyper
        )  # fmt: skip
