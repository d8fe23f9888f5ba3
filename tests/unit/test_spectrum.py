"""Curvature against the exact Gauss-Newton matrix of a small model, in float64."""

import itertools
import math
import re

import numpy as np
import pytest
import torch
from scipy import stats

from tests.conftest import DATA, MODEL, trained_model
from transient_ridge.llc.curvature import gauss_newton, gram, kronecker, spectrum
from transient_ridge.llc.curvature.lanczos import lanczos
from transient_ridge.llc.curvature.spectrum import Curvature, Spectrum
from transient_ridge.model.functional import Layout
from transient_ridge.model.transformer import Transformer, initialise
from transient_ridge.regression.sequences import Sequences

K, D, B = 3, 2, 12


@pytest.fixture(scope="module")
def small():
    """Model, layout, weights, sequences and the exact Gauss-Newton matrix (P, P) of their mean squared error."""
    model = Transformer(
        D,
        MODEL.changed(d_model=4, d_mlp=6, positions=2 * K),
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
    """The draws v for all signs of every sequence, whose second moment is H itself, without noise."""
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
    # All products of the factors' columns, so that E[v v^T] is exactly (rows rows^T) x (columns columns^T).
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


def test_the_gram_matrix_has_the_eigenvalues_of_the_gauss_newton_matrix(small, monkeypatch):
    """For any grouping of the gradients by parameters, sequences and rows."""
    model, layout, weights, sequences, H = small
    exact = torch.linalg.eigvalsh(H)[-B * K :]
    whole = gram.gram_matrix(model, layout, weights, sequences)
    torch.testing.assert_close(torch.linalg.eigvalsh(whole), exact, atol=1e-10, rtol=1e-9)
    for name, number in (
        ("GRADIENT_NUMBERS", 1000),
        ("PER_SEQUENCE_NUMBERS", 200),
        ("BLOCK_ROWS", 5),
    ):
        monkeypatch.setattr(gram, name, number)
    torch.testing.assert_close(gram.gram_matrix(model, layout, weights, sequences), whole)


def test_a_gram_matrix_that_is_not_finite_is_refused(small):
    model, layout, weights, sequences, _ = small
    with pytest.raises(FloatingPointError, match="not finite"):
        gram.gram_matrix(model, layout, weights * math.nan, sequences)


#: Eigenvalues of a matrix of all sequences, without a gap.
DECAY = 100 * torch.arange(1, 1501, dtype=torch.float64) ** -1.4


def gram_of_decay(N: int, seed: int, K: int = 2) -> torch.Tensor:
    """The Gram matrix of N sequences with normal gradients of second moments DECAY, the same at all K positions."""
    source = torch.Generator().manual_seed(seed)
    own, shared = (
        torch.randn(N, k, len(DECAY), generator=source, dtype=torch.float64) for k in (K, 1)
    )
    J = (DECAY.sqrt() * (own + shared) / math.sqrt(2)).flatten(0, 1)
    return J @ J.T / len(J)


def llc_of(h: torch.Tensor, r: float) -> float:
    return 0.5 * float((h / (h + r)).sum())


@pytest.mark.parametrize("r", [10.0, 1.0, 0.3])
def test_few_sequences_have_the_llc_of_all_within_their_error(r):
    """Forty draws: no bias beyond 1 % and errors that cover, neither of which holds without the correction."""
    truth = llc_of(DECAY, r)
    drawn = [Spectrum(gram_of_decay(128, seed), 2, r) for seed in range(40)]
    found = [each.llc(r) for each in drawn]
    assert np.mean([each.mean for each in found]) == pytest.approx(truth, rel=0.01)
    assert np.mean([each.in_sample(r) for each in drawn]) < (0.98 if r == 10 else 0.9) * truth
    z = np.array([(each.mean - truth) / each.standard_error for each in found])
    covered = int((abs(z) < 1).sum())
    assert stats.binomtest(covered, 40, 0.683).pvalue > 0.01, covered
    assert abs(z).max() < 4


def test_the_llc_by_half_of_the_sequences_is_reported_and_enters_the_error():
    found = Curvature.of(gram_of_decay(128, 0), 2, 1.0)
    at = found.at(1.0)
    halves = [
        Spectrum(gram_of_decay(128, 0)[part, part] * 2, 2, 1.0).llc(1.0).mean
        for part in (slice(128), slice(128, 256))
    ]
    assert at.llc_half == pytest.approx(np.mean(halves))
    assert at.standard_error > abs(at.llc - at.llc_half) > 0
    assert at.standard_error > found.whole.llc(1.0).standard_error


def test_an_r_that_is_too_fine_names_the_number_of_sequences_needed():
    r = 0.05
    few = Curvature.of(gram_of_decay(32, 0), 2, r).at(r)
    assert few.llc is few.standard_error is None
    needed = int(re.search(r"it takes about (\d+)", few.fault)[1])
    assert "r = 0.05 is too fine for 32 sequences" in few.fault
    assert 64 <= needed <= 512
    assert Curvature.of(gram_of_decay(needed, 0), 2, r).at(r).fault is None


def test_an_r_at_which_half_of_the_sequences_differ_is_not_converged(monkeypatch):
    monkeypatch.setattr(spectrum, "AGREEMENT", 1e-6)
    found = Curvature.of(gram_of_decay(128, 0), 2, 1.0).at(1.0)
    assert found.llc is None
    assert found.llc_half is not None
    assert "not converged" in found.fault
    assert "spectrum.sequences to 256" in found.fault


def test_sequences_that_share_a_few_directions_give_the_exact_llc():
    """With fewer directions than sequences, the LLC is exact down to a vanishing r."""
    source = torch.Generator().manual_seed(0)
    J = torch.randn(200, 5, generator=source, dtype=torch.float64)
    for r in (1.0, 1e-4):
        found = Curvature.of(J @ J.T / 200, 2, r).at(r)
        assert found.fault is None
        assert found.llc == pytest.approx(5 * 0.5 / (1 + r), rel=0.05)


def test_weights_without_curvature_are_refused():
    with pytest.raises(FloatingPointError, match="no curvature"):
        Spectrum(torch.zeros(8, 8, dtype=torch.float64), 2, 1.0)


def test_bins_hold_every_eigenvalue():
    found = Spectrum(torch.diag(torch.tensor([0, 0.02, 0.5, 0.7, 30, 1e-12]).double()), 1, 1.0)
    bins = found.bins(per_decade=1)
    assert [b.lower for b in bins[1:]] == pytest.approx([0.01, 0.1, 1, 10])
    assert [b.upper for b in bins[1:]] == pytest.approx([0.1, 1, 10, 100])
    assert [b.number for b in bins] == [2, 1, 2, 0, 1]
    assert bins[0].lower == 0 < bins[0].upper < 1e-4


def test_a_trained_transformer_has_the_llc_of_its_exact_spectrum():
    """From 256 sequences, within 3 % at r >= 0.1 of the LLC by the matrix of 2,048 others."""
    model, source = trained_model(300)
    layout = Layout.of(dict(model.named_parameters()))
    weights = layout.flatten(dict(model.named_parameters())).detach()
    everything = source.draw(2048 + 256, "llc")
    many, few = (
        Sequences(*(part[of] for part in everything)) for of in (slice(256, None), slice(256))
    )
    J = torch.cat(
        gram.prediction_gradients(
            model, layout.views(weights), [name for name, _ in layout.shapes], many
        ),
        dim=1,
    )
    exact = torch.linalg.eigvalsh((2 / len(J) * J.T @ J).double()).clamp(min=0)
    found = Curvature.of(gram.gram_matrix(model, layout, weights, few), DATA.context_length, 10.0)
    for r in (10.0, 1.0, 0.1):
        at = found.at(r)
        assert at.llc == pytest.approx(llc_of(exact, r), rel=0.03)
        assert abs(at.llc - llc_of(exact, r)) < 2.5 * at.standard_error
    assert found.at(0.1).in_sample < 0.97 * llc_of(exact, 0.1)


@pytest.mark.parametrize("rank", [1, 7, 40])
def test_lanczos_finds_eigenvalues_and_ends_when_the_space_is_exhausted(rank):
    """A non-diagonal matrix of low rank: no division by a vanishing residual."""
    source = torch.Generator().manual_seed(0)
    Q, _ = torch.linalg.qr(torch.randn(40, 40, generator=source, dtype=torch.float64))
    h = torch.zeros(40, dtype=torch.float64)
    h[:rank] = torch.logspace(0, 2, rank, dtype=torch.float64)
    start = torch.randn(40, generator=source, dtype=torch.float64)
    found = lanczos(lambda v: Q @ (h * (Q.T @ v)), start, 40)
    assert len(found.values) == min(rank + 1, 40)
    torch.testing.assert_close(found.values[-rank:], h.sort().values[-rank:], atol=1e-8, rtol=1e-8)
    assert float(found.weights.sum()) == pytest.approx(float(start.square().sum()))
    assert found.residuals.max() < 1e-8


def test_lanczos_ends_when_the_inverse_is_known():
    """It does not miss slow directions that take more than a few steps, and takes no steps that add nothing."""
    start = torch.randn(3000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    near, far = torch.ones(3000).double(), torch.logspace(-2, 3, 3000).double()
    near[:100] = torch.linspace(0.5, 5, 100)
    for h, fewest, most in ((near, 6, 20), (far, 200, 400)):
        seen = []

        def product(v, h=h, seen=seen):
            seen.append(1)
            return h * v

        found = lanczos(product, start, 500, 1e-3)
        exact = (start.square() / h).sum()
        assert fewest <= len(seen) <= most
        assert (found.weights / found.values).sum().item() == pytest.approx(exact.item(), rel=2e-2)


def test_the_diagonal_in_a_kronecker_basis_overstates_the_llc(small, samples):
    layout, H = small[1], small[-1]
    h = kronecker.diagonal(samples, kronecker.kronecker_basis(layout, samples))
    exact = torch.linalg.eigvalsh(H).clamp(min=0)
    for r in (10.0, 1.0, 0.1, 0.01):
        assert llc_of(h, r) > llc_of(exact, r)
    assert llc_of(h, 0.1) > 1.2 * llc_of(exact, 0.1)


def test_curvature_that_is_not_finite_is_refused():
    broken = [torch.tensor([[1.0, math.nan]])]
    with pytest.raises(FloatingPointError, match="not finite"):
        kronecker.diagonal(broken)
    with pytest.raises(FloatingPointError, match="not finite"):
        kronecker.kronecker_basis(Layout((("w", torch.Size((2,))),)), broken)
