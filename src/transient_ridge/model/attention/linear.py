"""Causal linear attention: the scores themselves are the weights (arXiv 2212.07677)."""

from torch import Tensor

from . import softmax


class Attention(softmax.Attention):
    """Softmax attention, with the same parameters, but without exponentiating or normalising the scores."""

    def weights(self, scores: Tensor, mask: Tensor) -> Tensor:
        """The scores, and 0 for later tokens."""
        return scores * (mask == 0)
