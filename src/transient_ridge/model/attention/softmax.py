"""Causal softmax attention."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...config.settings import ModelSettings

#: float32 numbers in the widest vector register, of AVX-512.
LANES = 16


class Attention(nn.Module):
    """Causal softmax attention with fused QKV, no biases, and an optional output projection.

    ``qkv.weight`` stacks the rows of Q, K and V; within each, head h owns rows h*d_head ... (h+1)*d_head.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.heads = settings.heads
        self.qkv = nn.Linear(d, 3 * d, bias=False)
        self.projection = (
            nn.Linear(d, d, bias=False) if settings.attention_projection else nn.Identity()
        )

    def forward(self, h: Tensor, mask: Tensor, every: int) -> Tensor:
        """Attend from every ``every``-th token of ``h`` (B, T, d) to all tokens up to it."""
        B, T, d = h.shape
        width = d // self.heads
        if every == 1:
            q, k, v = torch.split(F.linear(h, self.qkv.weight), d, dim=-1)
        else:
            # Contiguous: with stacked weights, a product with strided tokens would copy the weights for every sequence.
            q = F.linear(h[:, ::every].contiguous(), self.qkv.weight[:d])
            k, v = torch.split(F.linear(h, self.qkv.weight[d:]), d, dim=-1)
        q = q.reshape(B, -1, self.heads, width).transpose(1, 2)
        k = k.reshape(B, T, self.heads, width).permute(0, 2, 3, 1)
        v = v.reshape(B, T, self.heads, width).transpose(1, 2)
        # Written out: at 2K tokens the scores are so small that a fused kernel costs more than it saves.
        scores = (q * (1 / math.sqrt(width))) @ k
        mixed = self.weights(scores, mask) @ v
        out: Tensor = self.projection(mixed.transpose(1, 2).reshape(B, -1, d))
        return out

    def weights(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The weight of every token for each other; ``mask`` is minus infinity at later tokens, and 0 elsewhere."""
        T = scores.shape[-1]
        # Rows that fill whole vector registers: PyTorch's softmax is several times as fast on them.
        padded = F.pad(scores + mask, (0, -T % LANES), value=-math.inf)
        return torch.softmax(padded, dim=-1)[..., :T]
