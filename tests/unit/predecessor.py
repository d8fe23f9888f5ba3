"""The architecture of the predecessor's public code, rewritten with the same weight names."""

import math

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Causal attention without a projection; the queries, keys and values of a head are adjacent."""

    def __init__(self, width: int, heads: int, length: int) -> None:
        super().__init__()
        self.heads = heads
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.register_buffer("causal_mask", torch.full((length, length), -math.inf).triu(1))

    def forward(self, h: Tensor) -> Tensor:
        T = h.shape[1]
        q, k, v = self.attention(h).unflatten(-1, (self.heads, -1)).transpose(1, 2).chunk(3, -1)
        scores = q @ k.mT / math.sqrt(q.shape[-1]) + self.causal_mask[:T, :T]
        return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


class Block(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, length: int) -> None:
        super().__init__()
        self.attention = Attention(width, heads, length)
        self.compute = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
        self.layer_norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def forward(self, h: Tensor) -> Tensor:
        h = h + self.attention(self.layer_norms[0](h))
        return h + self.compute(self.layer_norms[1](h))


class Tokens(nn.Module):
    def __init__(
        self, tokens: int, length: int, width: int, hidden: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.token_embedding = nn.Linear(tokens, width, bias=False)
        self.postn_embedding = nn.Linear(length, width, bias=False)
        self.blocks = nn.ModuleList(Block(width, hidden, heads, length) for _ in range(layers))
        self.unembedding = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, tokens))

    def forward(self, tokens: Tensor) -> Tensor:
        h = self.token_embedding(tokens) + self.postn_embedding.weight.T[: tokens.shape[1]]
        for block in self.blocks:
            h = h + block(h)  # the block has already added its input
        return self.unembedding(h)


class Predecessor(nn.Module):
    """Predicts y_k (B, K) from everything before it."""

    def __init__(
        self, dimension: int, context: int, width: int, hidden: int, heads: int, layers: int
    ) -> None:
        super().__init__()
        self.token_sequence_transformer = Tokens(
            dimension + 1, 2 * context, width, hidden, heads, layers
        )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        y = y[..., None]
        pairs = torch.cat((torch.zeros_like(y), x, y, torch.zeros_like(x)), dim=-1)
        return self.token_sequence_transformer(pairs.unflatten(-1, (2, -1)).flatten(1, 2))[
            :, ::2, 0
        ]
