"""Named parts of the transformer."""

import numpy as np
import pytest

from tests.conftest import MODEL
from transient_ridge.config.architecture import components, parameter_count
from transient_ridge.errors import ConfigError
from transient_ridge.llc.components import mask
from transient_ridge.model.functional import Layout
from transient_ridge.model.transformer import Transformer

DEEP = MODEL.changed(layers=2, d_model=8, d_mlp=12)
SHAPES = Layout.of(dict(Transformer(3, DEEP).named_parameters())).shapes


def of(component: str) -> np.ndarray:
    found = mask(component, SHAPES, DEEP)
    assert found is not None
    return found


def test_the_parts_make_up_the_whole():
    """Embedding, unembedding and the layers partition the parameters, and the two halves of a layer partition it."""
    parts = [of(name) for name in ("embedding", "unembedding", "layer0", "layer1")]
    assert (sum(parts) == 1).all()
    assert len(parts[0]) == parameter_count(DEEP, 3)
    for layer in ("layer0", "layer1"):
        assert (of(f"{layer}.attention") + of(f"{layer}.mlp") == of(layer)).all()
    assert mask("all", SHAPES, DEEP) is None


def test_heads_share_the_attention_between_them():
    heads = of("layer1.head0") + of("layer1.head1")
    norm = 2 * DEEP.d_model
    assert heads.max() == 1
    assert heads.sum() == of("layer1.attention").sum() - norm
    assert (heads <= of("layer1.attention")).all()
    assert of("layer1.head0").sum() == of("layer1.head1").sum()


def test_a_head_owns_the_parameters_of_its_output():
    """Zeroing a head's parameters removes its contribution and no other's."""
    import torch

    from transient_ridge.model.transformer import initialise

    model = Transformer(3, DEEP)
    initialise(model, 0, 0)
    attention = model.blocks[1].attention
    h, causal = torch.randn(1, 5, 8), torch.full((5, 5), -torch.inf).triu(1)
    layout = Layout(SHAPES)
    with torch.no_grad():
        both = attention(h, causal, 1)
        flat = layout.flatten(dict(model.named_parameters()))
        alone = []
        for name in ("layer1.head0", "layer1.head1"):
            kept = flat * (1 - torch.from_numpy(of(name)))
            model.load_state_dict(layout.views(kept))
            alone.append(attention(h, causal, 1))
    torch.testing.assert_close(alone[0] + alone[1], both)
    assert not torch.allclose(alone[0], both)


def test_unknown_names_are_refused_with_the_known_ones():
    assert "layer1.head1" in components(DEEP)
    assert "layer1.head2" not in components(DEEP)
    with pytest.raises(ConfigError, match=r"layer2: unknown; this model has all, embedding"):
        mask("layer2", SHAPES, DEEP)
