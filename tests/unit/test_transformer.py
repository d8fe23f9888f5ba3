"""The transformer: size, shortcuts, initialisation."""

import itertools

import pytest
import torch

from benchmarks.plain_transformer import plain_predictions
from tests.conftest import MODEL
from transient_ridge.config.architecture import parameter_count
from transient_ridge.config.presets import load
from transient_ridge.config.settings import ModelSettings
from transient_ridge.model.transformer import Transformer, initialise

WIDE = MODEL.changed(d_mlp=24, positions=12)
VARIANTS = [
    WIDE.changed(layers=layers, heads=heads, attention_projection=projection, residual=residual)
    for layers, heads, projection, residual in itertools.product(
        (1, 2, 3), (1, 4), (True, False), ("single", "doubled")
    )
] + [
    WIDE.changed(
        layers=2, d_mlp=d_mlp, attention=attention, norm=norm, tokens=tokens, positions=positions
    )
    for d_mlp, attention, norm, tokens, positions in [
        (0, "linear", "none", "paired", 0),
        (0, "softmax", "layer", "alternating", 12),
        (24, "linear", "layer", "alternating", 12),
        (24, "softmax", "none", "paired", 12),
    ]
]


def make(settings: ModelSettings, dimension: int = 3, seed: int = 0) -> Transformer:
    model = Transformer(dimension, settings)
    initialise(model, 0, seed)
    return model


def test_the_paper_preset_has_the_papers_size():
    paper = load("paper")
    settings = ModelSettings.of(paper["model"])
    model = Transformer(paper["data"]["dimension"], settings)
    assert sum(p.numel() for p in model.parameters()) == 2_654_217
    assert parameter_count(settings, 8) == 2_654_217


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_shortcuts_leave_predictions_and_gradients_unchanged(settings):
    model = make(settings).double()
    x, y = torch.randn(5, 6, 3, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    ours, plain = model(x, y), plain_predictions(model, x, y)
    torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-12)
    gradients = [
        torch.autograd.grad((p - y).square().mean(), list(model.parameters()))
        for p in (ours, plain)
    ]
    for a, b in zip(*gradients, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("settings", VARIANTS, ids=str)
def test_the_parameter_count_is_right(settings):
    model = Transformer(5, settings)
    assert sum(p.numel() for p in model.parameters()) == parameter_count(settings, 5)


def test_predictions_are_causal_and_shorter_contexts_fit():
    model = make(VARIANTS[-1])
    x, y = torch.randn(4, 6, 3), torch.randn(4, 6)
    later = y.clone()
    later[:, 3:] += 1
    torch.testing.assert_close(model(x, y)[:, :4], model(x, later)[:, :4])
    assert not torch.allclose(model(x, y)[:, 4], model(x, later)[:, 4])
    torch.testing.assert_close(model(x[:, :2], y[:, :2]), model(x, y)[:, :2])


def test_initial_weights_depend_only_on_the_seed_and_the_parameters_name():
    small, deep = make(VARIANTS[0]), make(WIDE.changed(layers=3, heads=1))
    for name, parameter in small.named_parameters():
        assert torch.equal(parameter, dict(deep.named_parameters())[name])
    other = dict(make(VARIANTS[0], seed=1).named_parameters())
    drawn = [name for name, _ in small.named_parameters() if "norm" not in name]
    assert not any(torch.equal(dict(small.named_parameters())[n], other[n]) for n in drawn)


def test_initial_weights_have_the_stated_spread():
    large = make(WIDE.changed(d_model=64, d_mlp=256, heads=4))
    weight = large.blocks[0].mlp_out.weight.detach()
    assert weight.abs().max() <= 1 / 16
    assert float(weight.std()) == pytest.approx(1 / 16 / 3**0.5, rel=0.02)


def test_one_layer_of_linear_attention_can_be_a_step_of_gradient_descent():
    """Weights written by hand: f(x_k) = eta sum_{j<k} y_j x_j.x_k, the construction of arXiv 2212.07677."""
    D, eta = 3, 0.25
    model = Transformer(
        D,
        MODEL.changed(
            d_model=D + 1,
            d_mlp=0,
            heads=1,
            attention="linear",
            attention_projection=False,
            norm="none",
            tokens="paired",
            positions=0,
        ),
    ).double()
    qkv = torch.zeros(3, D + 1, D + 1, dtype=torch.float64)
    qkv[0].diagonal()[1:] = eta * 2.0  # the scores are divided by the root of the head's width
    qkv[1].diagonal()[1:] = 1
    qkv[2, 0, 0] = 1
    read_out = torch.zeros(D + 1, D + 1, dtype=torch.float64)
    read_out[0, 0] = 1
    with torch.no_grad():
        model.token_embedding.weight.copy_(torch.eye(D + 1))
        model.blocks[0].attention.qkv.weight.copy_(qkv.flatten(0, 1))
        model.unembedding.weight.copy_(read_out)
        model.unembedding.bias.zero_()
    x, y = torch.randn(5, 6, D, dtype=torch.float64), torch.randn(5, 6, dtype=torch.float64)
    before = torch.ones(6, 6, dtype=torch.float64).tril(-1)
    step = eta * torch.einsum("kj,bj,bji,bki->bk", before, y, x, x)
    torch.testing.assert_close(model(x, y), step)
