"""Curvature against the exact Gauss-Newton matrix of a small model, in float64."""

import itertools
import math

import pytest
import torch

from transient_ridge.config.settings import ModelSettings
from transient_ridge.llc.curvature import gauss_newton, kronecker, lanczos
from transient_ridge.model.functional import Layout
from transient_ridge.model.transformer import Transformer, initialise
from transient_ridge.regression.sequences import Sequences

K, D, B = 3, 2, 12
RESOLUTIONS = (10.0, 1.0, 0.1, 0.01)


@pytest.fixture(scope="module")
def small():
    """Model, layout, weights, sequences and the exact Gauss-Newton matrix (P, P) of their mean squared error."""
    model = Transformer(
        D,
        ModelSettings(
            layers=1,
            d_model=4,
            d_mlp=6,
            heads=2,
            attention="softmax",
            attention_projection=True,
            residual="single",
            norm="layer",
            tokens="alternating",
            positions=2 * K,
        ),
    ).double()
    initialise(model, 0, 0)
    layout = Layout.of(dict(model.named_parameters()))
    weights = layout.flatten(dict(model.named_parameters())).detach()
    source = torch.Generator().manual_seed(0)
    x = torch.randn(B, K, D, generator=source, dtype=torch.float64)
    y = torch.randn(B, K, generator=source, dtype=torch.float64)

    def predictions(flat):
        return torch.func.functional_call(model, layout.views(flat), (x, y)).flatten()

    J = torch.func.jacrev(predictions)(weights)
    return model, layout, weights, Sequences(x, y), 2 / (B * K) * J.T @ J


@pytest.fixture(scope="module")
def samples(small):
    """All of v's signs for every sequence: their second moment is H itself, without noise."""
    model, layout, weights, (x, y), _ = small
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=K)), dtype=torch.float64)
    repeated = Sequences(x.repeat_interleave(len(signs), 0), y.repeat_interleave(len(signs), 0))
    chunks = gauss_newton.gauss_newton_samples(
        model, layout, weights, repeated, signs.repeat(B, 1)
    )  # fmt: skip
    return list(chunks)


def test_the_draws_have_the_gauss_newton_matrix_as_second_moment(small, samples):
    v = torch.cat(samples)
    torch.testing.assert_close(v.T @ v / len(v), small[-1], atol=1e-12, rtol=1e-9)


def test_the_product_is_that_of_the_gauss_newton_matrix(small):
    model, layout, weights, sequences, H = small
    product = gauss_newton.gauss_newton_product(model, layout, weights, sequences)
    v = torch.randn(layout.size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(product(v), H @ v, atol=1e-12, rtol=1e-9)


def test_the_product_is_summed_over_chunks(small, monkeypatch):
    model, layout, weights, sequences, H = small
    monkeypatch.setattr(gauss_newton, "CHUNK_SEQUENCES", 5)
    product = gauss_newton.gauss_newton_product(model, layout, weights, sequences)
    v = torch.ones(layout.size, dtype=torch.float64)
    torch.testing.assert_close(product(v), H @ v, atol=1e-12, rtol=1e-9)


def test_the_basis_is_orthonormal_and_the_diagonal_is_that_of_the_matrix_in_it(small, samples):
    layout, H = small[1], small[-1]
    basis = kronecker.kronecker_basis(layout, samples)
    identity = torch.eye(layout.size, dtype=torch.float64)
    U = basis.vectors(identity)  # rows are the basis
    torch.testing.assert_close(U @ U.T, identity, atol=1e-10, rtol=0)
    torch.testing.assert_close(basis.coordinates(U), identity, atol=1e-10, rtol=0)
    h = kronecker.diagonal(samples, basis)
    torch.testing.assert_close(h, torch.diagonal(U @ H @ U.T), atol=1e-10, rtol=1e-8)
    assert h.sum().item() == pytest.approx(H.trace().item())
    torch.testing.assert_close(
        kronecker.diagonal(samples), torch.diagonal(H), atol=1e-12, rtol=1e-9
    )


def test_a_kronecker_product_is_diagonalised():
    """Where H is a product of row and column covariances, the corrected eigenvalues are the eigenvalues."""
    source = torch.Generator().manual_seed(2)
    layout = Layout((("w", torch.Size((3, 4))), ("b", torch.Size((2,)))))
    rows, columns, bias = (
        torch.randn(n, n, generator=source, dtype=torch.float64) for n in (3, 4, 2)
    )
    # All products of the columns of the factors: E[v v^T] is exactly (rows rows^T) x (columns columns^T).
    signs = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=2)), dtype=torch.float64)
    draws = [
        torch.cat((
            math.sqrt(12) * torch.outer(rows[:, i], columns[:, j]).flatten() * s,
            bias @ torch.stack((s, t)),
        ))
        for i in range(3) for j in range(4) for s, t in signs
    ]  # fmt: skip
    v = torch.stack(draws)
    basis = kronecker.kronecker_basis(layout, [v])
    found = kronecker.diagonal([v], basis).sort().values
    exact = torch.linalg.eigvalsh(torch.block_diag(
        torch.kron(rows @ rows.T, columns @ columns.T), bias @ bias.T
    ))  # fmt: skip
    torch.testing.assert_close(found, exact, atol=1e-9, rtol=1e-8)


def test_lanczos_quadrature_is_the_exact_spectrum(small):
    """With a complete orthogonal set of probes and as many steps as there are parameters, nothing is left to chance."""
    layout, H = small[1], small[-1]
    h = torch.linalg.eigvalsh(H).clamp(min=0)
    P = layout.size
    probes = math.sqrt(P) * torch.eye(P, dtype=torch.float64)
    found = lanczos.lanczos_spectrum(lambda v: H @ v, probes, P)
    assert found.trace().mean == pytest.approx(H.trace().item(), rel=1e-6)
    for r in RESOLUTIONS:
        s = h / (h + r)
        assert found.llc(r).mean == pytest.approx(0.5 * s.sum().item(), rel=1e-3)
        assert found.variance(r).mean == pytest.approx(0.5 * s.square().sum().item(), rel=1e-3)


def test_a_few_probes_are_right_within_their_error_and_the_diagonal_is_not(small, samples):
    """What the diagonal in the Kronecker basis says is an upper bound, and a bad one."""
    layout, H = small[1], small[-1]
    basis = kronecker.kronecker_basis(layout, samples)
    diagonal = kronecker.diagonal(samples, basis)
    found = lanczos.lanczos_spectrum(
        lambda v: H @ v, lanczos.sign_probes(basis, layout.size, 64, seed=3), 30
    )
    h = torch.linalg.eigvalsh(H).clamp(min=0)
    for r in RESOLUTIONS:
        exact, estimate = 0.5 * (h / (h + r)).sum().item(), found.llc(r)
        assert estimate.standard_error < 0.05 * exact
        assert abs(estimate.mean - exact) < 3.5 * estimate.standard_error + 1e-6 * exact
        assert 0.5 * (diagonal / (diagonal + r)).sum().item() > exact
    assert 0.5 * (diagonal / (diagonal + 0.1)).sum() > 1.2 * 0.5 * (h / (h + 0.1)).sum()


@pytest.mark.parametrize("rank", [1, 7])
def test_lanczos_ends_where_nothing_is_left(rank):
    """A matrix of low rank, and one that the first probe solves completely: no division by a vanishing residual."""
    h = torch.zeros(40, dtype=torch.float64)
    h[:rank] = torch.logspace(0, 2, rank, dtype=torch.float64)
    probes = lanczos.sign_probes(None, 40, 3, seed=0).double()
    found = lanczos.lanczos_spectrum(lambda v: h * v, probes, 30)
    # Along the axes of a diagonal matrix signs have no noise at all.
    assert found.trace() == pytest.approx((h.sum().item(), 0), abs=1e-8)
    assert found.llc(1.0) == pytest.approx((0.5 * (h / (h + 1)).sum().item(), 0), abs=1e-8)
    assert found.counts.sum(dim=1).tolist() == pytest.approx([40] * 3)


def test_deflation_takes_the_noise_of_the_largest_eigenvalues():
    source = torch.Generator().manual_seed(0)
    Q, _ = torch.linalg.qr(torch.randn(300, 300, generator=source, dtype=torch.float64))
    outliers = torch.tensor([100.0, 50, 25, 12, 6], dtype=torch.float64)
    h = torch.cat((outliers, torch.logspace(-2, -6, 295, dtype=torch.float64)))
    H = (Q * h) @ Q.T
    probes = lanczos.sign_probes(None, 300, 16, seed=1).double()
    found = lanczos.lanczos_spectrum(lambda v: H @ v, probes, 40)
    plain = 0.5 * (probes @ Q).square() @ (h / (h + 1))  # the quadratic forms without deflation
    exact = 0.5 * (h / (h + 1)).sum().item()
    assert found.llc(1.0).standard_error < 0.2 * plain.std().item() / 4
    assert abs(found.llc(1.0).mean - exact) < 3.5 * found.llc(1.0).standard_error


def test_bins_hold_every_eigenvalue():
    values = torch.tensor([[0.0, 0.02, 0.5, 0.7, 30.0], [1e-12, 0.02, 0.5, 0.7, 30.0]]).double()
    counts = torch.tensor([[90.0, 4.0, 2.0, 3.0, 1.0], [88.0, 6.0, 2.0, 3.0, 1.0]]).double()
    bins = lanczos.Spectrum(values, counts).bins(per_decade=1)
    assert [b.lower for b in bins[1:]] == pytest.approx([0.01, 0.1, 1, 10])
    assert [b.upper for b in bins[1:]] == pytest.approx([0.1, 1, 10, 100])
    assert [b.number for b in bins] == pytest.approx([89, 5, 5, 0, 1])
    assert bins[0].lower == 0 < bins[0].upper < 1e-4


def test_curvature_that_is_not_finite_is_refused():
    broken = [torch.tensor([[1.0, math.nan]])]
    with pytest.raises(FloatingPointError, match="not finite"):
        kronecker.diagonal(broken)
    with pytest.raises(FloatingPointError, match="not finite"):
        kronecker.kronecker_basis(Layout((("w", torch.Size((2,))),)), broken)
