"""The same model, written plainly: every token in every layer, PyTorch's fused attention, all outputs.

The reference for the tests of `transient_ridge.transformer`, whose parameters it shares, and for its speed.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from transient_ridge.model.attention import linear
from transient_ridge.model.transformer import Block, Transformer


def plain_predictions(model: Transformer, x: Tensor, y: Tensor) -> Tensor:
    """Predictions (B, K) of ``model``, computed without any of its shortcuts."""
    B, K, D = x.shape
    tokens = x.new_zeros(B, 2 * K, D + 1)
    tokens[:, 0::2, 1:] = x
    tokens[:, 1::2, 0] = y
    if model.paired:
        tokens[:, 1::2, 1:] = x
    h = model.token_embedding(tokens)
    if model.position_embedding is not None:
        h = h + model.position_embedding[: 2 * K]
    for block in model.blocks:
        assert isinstance(block, Block)
        attention = block.attention
        q, k, v = (
            part.unflatten(-1, (attention.heads, -1)).transpose(1, 2)
            for part in attention.qkv(block.attention_norm(h)).chunk(3, dim=-1)
        )
        if isinstance(attention, linear.Attention):
            mixed = (q @ k.mT / q.shape[-1] ** 0.5).tril() @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        out = h + attention.projection(mixed.transpose(1, 2).flatten(2))
        if block.has_mlp:
            out = out + block.mlp_out(torch.relu(block.mlp_in(block.mlp_norm(out))))
        h = h + out if block.doubled else out
    outputs: Tensor = model.unembedding(model.final_norm(h))
    return outputs[:, 0::2, 0]
