"""Named parts of the transformer as masks over its flat parameter vector.

Restricting the chains to a part gives its refined LLC (arXiv 2410.02984). Layers and heads count from 0:
``all``, ``embedding``, ``unembedding``, ``layer0``, ``layer0.attention``, ``layer0.head2``, ``layer0.mlp``.
"""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..config.architecture import components
from ..config.settings import ModelSettings
from ..errors import ConfigError


def mask(
    component: str, shapes: Sequence[tuple[str, Sequence[int]]], settings: ModelSettings
) -> NDArray[np.float32] | None:
    """Ones (P,) at the parameters of ``component`` and zeros elsewhere; None for ``all``.

    ``shapes`` lists all parameters in the order of the flat vector. A norm belongs to what it feeds: an attention or
    MLP owns the norm before it, the unembedding the last one. A head owns its rows of Q, K and V and its columns of the
    output projection. Raises ConfigError for other names.
    """
    if component not in components(settings):
        raise ConfigError(
            f"llc.components = {component}: unknown; this model has {', '.join(components(settings))}"
        )
    if component == "all":
        return None
    parts = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes}
    head = re.fullmatch(r"layer(\d+)\.head(\d+)", component)
    if head:
        layer, index = int(head[1]), int(head[2])
        width = settings.d_model // settings.heads
        own = slice(index * width, (index + 1) * width)
        attention = f"blocks.{layer}.attention"
        qkv = parts[f"{attention}.qkv.weight"]
        qkv.reshape(3, settings.d_model, settings.d_model)[:, own] = 1
        if settings.attention_projection:
            parts[f"{attention}.projection.weight"][:, own] = 1
    else:
        for name, part in parts.items():
            part.fill(name.startswith(_prefixes(component)))
    return np.concatenate([part.ravel() for part in parts.values()])


def _prefixes(component: str) -> tuple[str, ...]:
    match component:
        case "embedding":
            return ("token_embedding.", "position_embedding")
        case "unembedding":
            return ("final_norm.", "unembedding.")
    layer, _, part = component.partition(".")
    block = f"blocks.{layer.removeprefix('layer')}."
    # Parameters of a block begin with `attention` or `mlp`, its norms included.
    return (f"{block}{part}",)
