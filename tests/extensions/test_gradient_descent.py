"""Steps of gradient descent, and GD++, against loops over pairs; their rates against closed forms."""

import itertools

import pytest
import torch

from transient_ridge.config.registries import PREDICTORS
from transient_ridge.extensions.gradient_descent.predictors import gd_plus_plus, gradient_descent
from transient_ridge.extensions.gradient_descent.rates import best_rates, first_rate
from transient_ridge.regression.predictors.ridge import ridge

NOISE = 0.125


def sequences(B, K, D, seed=0):
    torch.manual_seed(seed)
    x = torch.randn(B, K, D, dtype=torch.float64)
    t = torch.randn(B, D, 1, dtype=torch.float64)
    return x, (x @ t).squeeze(-1) + NOISE**0.5 * torch.randn(B, K, dtype=torch.float64)


def test_gradient_descent_agrees_with_autograd():
    x, y = sequences(3, 5, 2)
    rates = torch.tensor([0.3, 0.1], dtype=torch.float64)
    found = gradient_descent.descend(x, y, rates)
    for b, k in itertools.product(range(3), range(5)):
        w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
        for rate in rates:
            loss = 0.5 * (x[b, :k] @ w - y[b, :k]).square().sum()
            (slope,) = torch.autograd.grad(loss, w) if k else (torch.zeros(2),)
            w = (w - rate * slope).detach().requires_grad_()
        torch.testing.assert_close(found[b, k], (w @ x[b, k]).detach(), check_dtype=False)


def test_gd_plus_plus_agrees_with_its_recursion_token_by_token():
    B, K, D = 2, 5, 3
    x, y = sequences(B, K, D)
    rates = torch.tensor([0.2, 0.05, 0.1, 0.02, 0.3], dtype=torch.float64)
    found = gd_plus_plus.descend(x, y, rates)
    for b in range(B):
        xs, qs = [x[b, j] for j in range(K)], [x[b, k] for k in range(K)]
        r, f = [y[b, j] for j in range(K)], [torch.zeros(()).double() for _ in range(K)]
        for eta, gamma in [*rates[:4].reshape(2, 2), (rates[4], 0.0)]:
            f = [f[k] + eta * sum(r[i] * xs[i] @ qs[k] for i in range(k)) for k in range(K)]
            qs = [qs[k] - gamma * sum((xs[i] @ qs[k]) * xs[i] for i in range(k)) for k in range(K)]
            new = [r[j] - eta * sum(r[i] * xs[i] @ xs[j] for i in range(j + 1)) for j in range(K)]
            xs = [
                xs[j] - gamma * sum((xs[i] @ xs[j]) * xs[i] for i in range(j + 1)) for j in range(K)
            ]
            r = new
        torch.testing.assert_close(found[b], torch.stack([v.reshape(()) for v in f]))


def test_one_layer_of_gd_plus_plus_is_one_step_of_gradient_descent():
    x, y = sequences(4, 6, 3)
    plus = PREDICTORS.function({"name": "gd_plus_plus", "layers": 1}, "predict")
    step = PREDICTORS.function({"name": "gradient_descent", "steps": 1}, "predict")
    torch.testing.assert_close(plus(x, y, None, NOISE), step(x, y, None, NOISE))


@pytest.mark.parametrize(("D", "K"), [(1, 4), (4, 8)])
def test_the_rate_of_one_step_tends_to_its_closed_form(D, K):
    """For t, x ~ N(0, I) the best eta is sum n / sum n (n + D + 1 + sigma^2) over n = k - 1."""
    x, y = sequences(50_000, K, D)
    n = torch.arange(K).double()
    exact = float(n.sum() / (n * (n + D + 1 + NOISE)).sum())
    assert first_rate(x, y) == pytest.approx(exact, rel=0.04)
    fitted = best_rates(gradient_descent.descend, [0.5 * exact], x, y)
    assert float(fitted[0]) == pytest.approx(first_rate(x, y), rel=1e-4)


def test_more_steps_are_better_but_worse_than_ridge():
    x, y = sequences(500, 6, 3)
    best = ridge(x, y, NOISE)
    left = []
    for layers in (1, 2):
        for name, option in (("gradient_descent", "steps"), ("gd_plus_plus", "layers")):
            predict = PREDICTORS.function({"name": name, option: layers}, "predict")
            left.append(float((predict(x, y, None, NOISE) - best).square().mean()))
    descent, plus = left[::2], left[1::2]
    assert descent == sorted(descent, reverse=True)
    assert plus == sorted(plus, reverse=True)
    assert min(left) > 0.01


@pytest.mark.parametrize("name", ["gradient_descent", "gd_plus_plus"])
def test_a_sequence_of_one_pair_is_predicted_by_zero(name):
    option = {"gradient_descent": "steps", "gd_plus_plus": "layers"}[name]
    predict = PREDICTORS.function({"name": name, option: 2}, "predict")
    x, y = sequences(3, 1, 2)
    assert torch.equal(predict(x, y, None, NOISE), torch.zeros_like(y))


@pytest.mark.parametrize("name", ["gradient_descent", "gd_plus_plus"])
def test_sequences_may_have_any_number_of_leading_axes(name):
    option = {"gradient_descent": "steps", "gd_plus_plus": "layers"}[name]
    predict = PREDICTORS.function({"name": name, option: 2}, "predict")
    x, y = sequences(6, 5, 2)
    together = predict(x, y, None, NOISE)
    folded = predict(x.reshape(2, 3, 5, 2), y.reshape(2, 3, 5), None, NOISE)
    assert torch.equal(folded.reshape(6, 5), together)
    alone = predict(x[0], y[0], None, NOISE)
    assert torch.equal(alone, predict(x[:1], y[:1], None, NOISE)[0])


@pytest.mark.parametrize("D", [2, 4])
@pytest.mark.parametrize("ours", [True, False], ids=["ours", "theirs"])
def test_the_directions_that_count_in_one_layer_of_linear_attention(D, ours):
    """The rank of its Jacobian at a step of gradient descent; the layer of the paper has neither u nor b."""
    torch.manual_seed(0)
    K, count = 6, 400
    x = torch.rand(count, K, D, dtype=torch.float64) * 2 - 1
    y = (x @ torch.randn(count, D, 1, dtype=torch.float64))[..., 0]
    pairs = torch.cat([y[..., None], x], dim=-1)[:, :-1]
    queries = torch.cat([torch.zeros_like(y)[..., None], x], dim=-1)
    tokens = torch.cat([pairs, queries], dim=1) if ours else pairs

    def output(u, b, v, A):
        last = x[:, -1]
        attended = torch.einsum("bjd,d,bje,ef,bf->b", tokens, v, tokens, A, last)
        return attended + last @ u + b if ours else attended

    v, A = torch.eye(D + 1, dtype=torch.float64)[0], torch.zeros(D + 1, D, dtype=torch.float64)
    A[1:] = 0.1 * torch.eye(D)
    at = (torch.zeros(D, dtype=torch.float64), torch.zeros((), dtype=torch.float64), v, A)
    parts = torch.func.jacrev(output, argnums=(0, 1, 2, 3))(*at)
    derivative = torch.cat([part.reshape(count, -1) for part in parts], dim=1)
    expected = D**2 + 3 * D + 1 if ours else D**2 + 2 * D
    assert int(torch.linalg.matrix_rank(derivative)) == expected
