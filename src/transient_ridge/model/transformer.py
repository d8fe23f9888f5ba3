"""The in-context regression transformer.

A sequence becomes the 2K tokens ``(0, x_1), (y_1, 0), ..., (0, x_K), (y_K, 0)`` of R^{D+1}; the prediction
for ``y_k`` is output 0 at the token of ``x_k`` (architecture of arXiv 2402.02364, which the paper follows). With
``paired`` tokens that of ``y_k`` is ``(y_k, x_k)``: one layer of attention can then relate the two (arXiv 2212.07677).
Only what predictions use is computed: the token of ``y_K`` is left out, and in the last layer queries, MLP, final norm
and unembedding run at the x tokens only. Predictions are the same.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..config.registries import ATTENTION
from ..config.settings import ModelSettings
from ..regression.streams import torch_seed


class Block(nn.Module):
    """Attention and ReLU MLP, if there is one, each with a norm before it and added to the residual stream.

    With ``doubled`` residuals the block's input is added once more to its output, as in the public code of
    the predecessor paper, where both the block and its caller add it.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.attention_norm = _norm(settings)
        self.attention = ATTENTION.function(settings.attention, "Attention")(settings)
        self.has_mlp = settings.d_mlp > 0
        if self.has_mlp:
            self.mlp_norm = _norm(settings)
            self.mlp_in = nn.Linear(d, settings.d_mlp)
            self.mlp_out = nn.Linear(settings.d_mlp, d)
        self.doubled = settings.residual == "doubled"

    def forward(self, h: Tensor, mask: Tensor, every: int) -> Tensor:
        """Map the stream (B, T, d) to the next one at every ``every``-th token, (B, T/every, d)."""
        stream = h if every == 1 else h[:, ::every]
        out: Tensor = stream + self.attention(self.attention_norm(h), mask, every)
        if self.has_mlp:
            # Flat, because then the linear layer's output is not a view and autograd lets ReLU work on it in place.
            hidden = self.mlp_in(self.mlp_norm(out).flatten(0, 1)).relu_()
            out = out + self.mlp_out(hidden).unflatten(0, out.shape[:2])
        return stream + out if self.doubled else out


def _norm(settings: ModelSettings) -> nn.Module:
    return nn.LayerNorm(settings.d_model) if settings.norm == "layer" else nn.Identity()


class Transformer(nn.Module):
    """Predicts ``y_k`` from ``(x_1, y_1, ..., x_{k-1}, y_{k-1}, x_k)`` for every k at once."""

    def __init__(self, dimension: int, settings: ModelSettings) -> None:
        super().__init__()
        d = settings.d_model
        self.token_embedding = nn.Linear(dimension + 1, d, bias=False)
        self.paired = settings.tokens == "paired"
        self.position_embedding = (
            nn.Parameter(torch.empty(settings.positions, d)) if settings.positions else None
        )
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.layers))
        self.final_norm = _norm(settings)
        self.unembedding = nn.Linear(d, dimension + 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Predictions (B, K) for inputs ``x`` (B, K, D) and targets ``y`` (B, K)."""
        K = x.shape[1]
        T = 2 * K - 1
        weight = self.token_embedding.weight
        x_tokens = F.linear(x, weight[:, 1:])
        y_tokens = y.unsqueeze(-1) * weight[:, 0]
        if self.paired:
            y_tokens = y_tokens + x_tokens
        h = torch.stack((x_tokens, y_tokens), dim=2).flatten(1, 2)[:, :T]
        if self.position_embedding is not None:
            h = h + self.position_embedding[:T]
        mask = torch.full((T, T), -math.inf, dtype=h.dtype, device=h.device).triu_(1)
        for block in self.blocks[:-1]:
            h = block(h, mask, 1)
        h = self.blocks[-1](h, mask[::2], 2)
        h = self.final_norm(h)
        predictions: Tensor = h @ self.unembedding.weight[0] + self.unembedding.bias[0]
        return predictions


def initialise(model: Transformer, root_seed: int, run_seed: int) -> None:
    """Draw all parameters: U(-1/sqrt(fan_in), 1/sqrt(fan_in)); norms start at the identity.

    Each parameter has its own stream, named by the run's seed and the parameter. So all M of a seed start from the same
    weights, and another layer does not change the other layers' initial weights.
    """
    with torch.no_grad():
        for name, module in model.named_modules():
            if isinstance(module, nn.LayerNorm):
                module.reset_parameters()
            elif isinstance(module, nn.Linear):
                bound = 1 / math.sqrt(module.in_features)
                for part, parameter in module.named_parameters(recurse=False):
                    _uniform(parameter, bound, root_seed, run_seed, f"{name}.{part}")
        positions = model.position_embedding
        if positions is not None:
            bound = 1 / math.sqrt(positions.shape[0])
            _uniform(positions, bound, root_seed, run_seed, "position_embedding")


def _uniform(parameter: Tensor, bound: float, root_seed: int, run_seed: int, name: str) -> None:
    seed = torch_seed(root_seed, "initialisation", run_seed, name)
    # Drawn on the CPU, so that the initial weights are the same on every device.
    values = torch.empty(parameter.shape).uniform_(
        -bound, bound, generator=torch.Generator().manual_seed(seed)
    )
    parameter.copy_(values)
