"""The transformer of the predecessor paper's public code (arXiv 2402.02364, github.com/timaeus-research/icl).

It needs ``model: {residual: doubled, attention_projection: false, norm: layer, attention: softmax, tokens:
alternating}``. Its tokens are ours, (0, x) and (y, 0). It stacks queries, keys and values head by head, we stack all
queries, then all keys, then all values; its positions are a matrix (d, T), ours (T, d).
"""

from torch import Tensor

from ...config.settings import TrainedBy

_OUTER = "token_sequence_transformer."
_BLOCK = {
    "layer_norms.0": "attention_norm",
    "layer_norms.1": "mlp_norm",
    "compute.0": "mlp_in",
    "compute.2": "mlp_out",
}


def translate(weights: dict[str, Tensor], trained_by: TrainedBy) -> dict[str, Tensor]:
    """Translate from the names of its ``InContextRegressionTransformer``. Raises KeyError if a weight is missing."""
    model = trained_by.model
    theirs = {name.removeprefix(_OUTER): tensor for name, tensor in weights.items()}
    ours = {
        "token_embedding.weight": theirs["token_embedding.weight"],
        "position_embedding": theirs["postn_embedding.weight"].T,
    }
    for i in range(model.layers):
        at = f"blocks.{i}."
        stacked = theirs[f"{at}attention.attention.weight"]
        by_head = stacked.view(model.heads, 3, -1, stacked.shape[1])
        ours[f"{at}attention.qkv.weight"] = by_head.transpose(0, 1).flatten(0, 2)
        for their, our in _BLOCK.items():
            for part in ("weight", "bias"):
                ours[f"{at}{our}.{part}"] = theirs[f"{at}{their}.{part}"]
    for their, our in (("unembedding.0", "final_norm"), ("unembedding.1", "unembedding")):
        for part in ("weight", "bias"):
            ours[f"{our}.{part}"] = theirs[f"{their}.{part}"]
    return ours
