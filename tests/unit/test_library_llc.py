"""``estimate_llc`` for foreign modules: known answers, devinterp, the spectrum, and what it refuses."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.foreign import (
    MAKERS,
    devinterp,
    exact,
    hessian,
    linear,
    ours,
    theirs,
    trained,
)
from transient_ridge import estimate_llc
from transient_ridge.errors import ChainDivergedError, InputError
from transient_ridge.library.module_loss import ModuleLoss, differentiable, looped
from transient_ridge.library.posterior import ModulePosterior
from transient_ridge.llc.curvature.roots import root_times

N_BETA, GAMMA = 500.0, 100.0
SHORT = {
    "n_beta": N_BETA,
    "gamma": GAMMA,
    "chains": 2,
    "burn_in": 4,
    "draws": 8,
    "curvature_samples": 64,
    "epsilon": 0.02,
}


@pytest.fixture(scope="module")
def gaussian():
    """An estimate for a model where everything is known, and that model."""
    of = linear()
    resolutions = [GAMMA / N_BETA]
    found = estimate_llc(
        *of, n_beta=N_BETA, gamma=GAMMA, draws=800, chains=8, resolutions=resolutions
    )
    return found, of


def test_a_linear_model_has_the_llc_of_its_hessian(gaussian):
    found, of = gaussian
    truth = exact(of, GAMMA / N_BETA)
    assert found.standard_error < 0.05 * truth
    assert abs(found.llc - truth) < 3 * found.standard_error
    assert found.healthy
    assert str(found).endswith("healthy")
    assert found.resolution == GAMMA / N_BETA


def test_its_spectrum_is_that_of_its_hessian(gaussian):
    found, of = gaussian
    (by_curvature,) = found.spectrum
    assert by_curvature.fault is None
    assert by_curvature.llc == pytest.approx(exact(of, GAMMA / N_BETA), rel=0.02)


def test_devinterp_finds_the_same_there_up_to_its_step(gaussian):
    """Its step eps widens a direction of curvature b = n beta h + gamma by 1 / (1 - eps b / 4)."""
    found, of = gaussian
    epsilon = 1e-4
    other = devinterp(of, N_BETA, GAMMA, epsilon, burn_in=400, draws=800)
    h = hessian(of)
    b = N_BETA * h + GAMMA
    added = float((N_BETA * h / b * (1 / (1 - epsilon * b / 4) - 1)).sum() / 2)
    apart = math.hypot(found.standard_error, other.standard_error)
    assert apart < 0.1 * found.llc
    assert abs(found.llc + added - other.mean) < 3 * apart


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_foreign_models_agree_with_devinterp(name):
    """Both are healthy on the same posterior and agree within three of their standard errors."""
    found, other = ours(name), theirs(name)
    assert found.healthy, found
    assert other.healthy, other
    error = math.hypot(found.standard_error, other.standard_error)
    assert error < 0.1 * found.llc
    assert abs(found.llc - other.llc) < 3 * error


@pytest.mark.parametrize("name", MAKERS)
def test_a_foreign_model_is_sampled_and_left_unchanged(name):
    of = trained(name)
    before = {key: value.clone() for key, value in of.module.state_dict().items()}
    first = estimate_llc(*of, **SHORT)
    again = estimate_llc(*of, **SHORT)
    assert math.isfinite(first.llc)
    assert first.llc == again.llc
    assert not first.healthy  # eight draws
    assert "do not believe it" in str(first)
    assert "raise draws" in str(first)
    assert "llc." not in str(first)
    after = of.module.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert all(p.grad is None for p in of.module.parameters())


@pytest.mark.parametrize("name", MAKERS)
def test_its_curvature_is_the_generalised_gauss_newton_matrix(name):
    """Draws and products are compared with J^T B J by autograd; the second derivative of the loss is exact."""
    of = trained(name)
    few = tuple(part[:6] for part in of.data)
    module = of.module.double()
    few = tuple(part.double() if part.is_floating_point() else part for part in few)
    try:
        loss = ModuleLoss(module, of.loss, few, "outputs")
        if name == "GRU":
            loss.over_modules = looped
        with differentiable():
            posterior = ModulePosterior(loss, chains=1, minibatch=2, curvature_samples=1500, seed=0)
            w = posterior.centre
            J = torch.stack(
                [
                    torch.autograd.functional.jacobian(
                        lambda flat, i=i: loss.outputs(
                            posterior.layout.views(flat), *(p[i : i + 1] for p in few)
                        ).flatten(),
                        w,
                    )
                    for i in range(6)
                ]
            )
            outputs = loss.outputs(posterior.layout.views(w), *few).detach()
            bends = [
                torch.autograd.functional.hessian(
                    lambda z, i=i: of.loss(z.reshape(1, *outputs.shape[1:]), few[1][i : i + 1]),
                    outputs[i].flatten(),
                )
                for i in range(6)
            ]
            H = sum(j.T @ b @ j for j, b in zip(J, bends, strict=True)) / 6
            v = torch.randn(len(w), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
            torch.testing.assert_close(posterior.curvature.product(v), H @ v, rtol=1e-6, atol=1e-9)
            # In one random direction, because draws give its mean square to a few per cent.
            draws = torch.cat(list(posterior.curvature_samples(w[None], part=0)))
            squares = (draws @ v).square()
            error = float(squares.std()) / math.sqrt(len(squares))
            assert abs(float(squares.mean() - v @ H @ v)) < 4 * error
            assert error < 0.15 * float(v @ H @ v)
    finally:
        module.float()


def test_the_root_of_a_matrix():
    source = torch.Generator().manual_seed(0)
    A = torch.randn(5, 12, 7, generator=source, dtype=torch.float64)
    H = A @ A.mT  # of rank 7
    vectors = torch.randn(5, 12, generator=source, dtype=torch.float64)
    h, U = torch.linalg.eigh(H)
    exact_root = U @ (h.clamp(min=0).sqrt()[..., None] * (U.mT @ vectors[..., None]))
    found = root_times(lambda v: (H @ v[..., None])[..., 0], vectors)
    torch.testing.assert_close(found, exact_root[..., 0], rtol=1e-6, atol=1e-6)


def test_a_loss_of_module_and_batch_gives_the_same_estimate():
    module, loss, (x, y) = linear()
    plain = estimate_llc(module, loss, (x, y), **SHORT)
    whole = estimate_llc(
        module,
        lambda model, batch: loss(model(batch["x"]), batch["y"]),
        {"x": x, "y": y},
        loss_of="module",
        **SHORT,
    )
    assert whole.llc == plain.llc


def test_only_free_parameters_move():
    module = trained("convnet").module
    module[0].requires_grad_(False)
    try:
        found = estimate_llc(module, *trained("convnet")[1:], **SHORT)
    finally:
        module[0].requires_grad_(True)
    assert found.traces.gradient_noise.shape[1] == sum(p.numel() for p in module[1:].parameters())


# -- what it refuses, each by name and with its remedy ---------------------------------------


def nan_weights():
    module = nn.Linear(3, 1)
    with torch.no_grad():
        module.weight[0, 0] = math.nan
    return module


class Counter(nn.Linear):
    """Keeps state."""

    def __init__(self) -> None:
        super().__init__(3, 1)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Noisy(nn.Linear):
    def forward(self, x):
        return super().forward(x) + torch.randn(len(x), 1)


class Centred(nn.Linear):
    """Mixes the samples of a batch."""

    def forward(self, x):
        return super().forward(x - x.mean(dim=0))


class Pair(nn.Linear):
    def forward(self, x):
        return super().forward(x), x


X, Y = torch.randn(80, 3), torch.randn(80, 1)
PLAIN = nn.Linear(3, 1)
REFUSED = {
    "sum": (PLAIN, lambda o, t: (o - t).square().sum(), (X, Y), "loss: .* is their sum: divide by the number"),
    "each": (PLAIN, lambda o, t: (o - t).square(), (X, Y), r"loss: returns \(8, 1\); must return a scalar"),
    "weighted": (PLAIN, lambda o, t: ((o - t) * t.mean()).square().mean(), (X, Y), "loss: .* all samples equally"),
    "flat": (PLAIN, lambda o, t: (o * t).mean(), (X, Y), "loss: has no curvature in the module's outputs"),
    "device": (PLAIN, F.mse_loss, (X, Y.to("meta")), r"data\[1\] is on meta, the module on cpu; move"),
    "other device": (nn.Linear(3, 1, device="meta"), F.mse_loss, (X, Y), r"data\[0\] is on cpu, the module on meta"),
    "two devices": (nn.Sequential(PLAIN, nn.Linear(1, 1, device="meta")), F.mse_loss, (X, Y), "1.weight is on meta, "),
    "nan": (nan_weights(), F.mse_loss, (X, Y), "module.weight is not finite: load another checkpoint"),
    "nan data": (PLAIN, F.mse_loss, (X, Y * math.nan), "loss: is nan on the first 8 samples"),
    "few": (PLAIN, F.mse_loss, (X[:5], Y[:5]), "data: 5 samples, fewer than minibatch = 64; lower"),
    "uneven": (PLAIN, F.mse_loss, (X, Y[:70]), r"data\[0\] has 80, data\[1\] has 70 samples"),
    "one part": (PLAIN, F.mse_loss, (X,), r"data: 1 tensors; must be \(inputs, targets\)"),
    "dataset": (PLAIN, F.mse_loss, torch.utils.data.TensorDataset(X, Y), "data is a TensorDataset: must be"),
    "batch norm": (nn.Sequential(PLAIN, nn.BatchNorm1d(1)).eval(), F.mse_loss, (X, Y), "module.1 is a BatchNorm1d"),
    "dropout": (nn.Sequential(PLAIN, nn.Dropout(0.5)), F.mse_loss, (X, Y), r"module.1 is a Dropout.*eval\(\)"),
    "state": (Counter(), F.mse_loss, (X, Y), "module.calls: changes with every call"),
    "random": (Noisy(3, 1), F.mse_loss, (X, Y), "module: two calls on the same batch differ"),
    "mixing": (Centred(3, 1), F.mse_loss, (X, Y), "module: the output of a sample depends on the others"),
    "pair": (Pair(3, 1), F.mse_loss, (X, Y), "module: returns tuple; must return a tensor"),
    "half": (nn.Linear(3, 1).half(), F.mse_loss, (X.half(), Y.half()), "module.weight is torch.float16"),
    "frozen": (nn.Linear(3, 1).requires_grad_(False), F.mse_loss, (X, Y), "module: no parameter has requires_grad"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_by_name(case):
    module, loss, data, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        estimate_llc(module, loss, data, n_beta=10.0, gamma=1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_beta": -1.0}, "n_beta = -1.0: must be a number > 0"),
        ({"gamma": 0.0}, "gamma = 0.0: must be"),
        ({"epsilon": math.nan}, "epsilon = nan: must be"),
        ({"minibatch": 1}, "minibatch = 1: must be at least 2"),
        ({"curvature_samples": 3}, "curvature_samples = 3: must be at least 4"),
        ({"sampler": "hmc"}, "sampler = 'hmc': must be .*sgld"),
        ({"limits": {"es": 3}}, "es = 3: unknown key; did you mean 'ess'"),
        ({"loss_of": "batch"}, "loss_of = 'batch': must be 'outputs' or 'module'"),
    ],
)
def test_bad_settings_are_refused_by_name(changes, message):
    with pytest.raises(InputError, match=message):
        estimate_llc(PLAIN, F.mse_loss, (X, Y), **{"n_beta": 10.0, "gamma": 1.0, **changes})


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda m, b: F.mse_loss(m(b[0]), b[1]) + m.weight.square().sum(), "loss: uses module.weight"),
        (lambda m, b: F.mse_loss(m(b[0]), m(b[1].expand(-1, 3))), "loss: calls the module 2 times"),
    ],
)  # fmt: skip
def test_a_loss_of_the_module_may_only_call_it_once(loss, message):
    with pytest.raises(InputError, match=message):
        estimate_llc(PLAIN, loss, (X, Y), n_beta=10.0, gamma=1.0, loss_of="module")


def test_a_step_that_is_too_long_is_refused_before_the_draws():
    with pytest.raises(ChainDivergedError, match=r"^epsilon = 50: .* set epsilon below"):
        estimate_llc(PLAIN, F.mse_loss, (X, Y), n_beta=10.0, gamma=1.0, epsilon=50.0, burn_in=0)
