"""An exponential moving average of the weights: it removes the noise of the learning rate without its decay."""

from collections.abc import Mapping

import torch
from torch import Tensor

from ..config.settings import DecayAverage, HalfLifeAverage


def decay_at(average: DecayAverage | HalfLifeAverage, step: int) -> float:
    """The share of the average that stays in the update to ``step + 1``.

    Early on the decay is (1 + step) / (10 + step), so that the average soon forgets the initial weights.
    """
    decay = average.decay if isinstance(average, DecayAverage) else 0.5 ** (1 / average.half_life)
    return min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def follow(averages: Mapping[str, Tensor], parameters: Mapping[str, Tensor], decay: float) -> None:
    """Move ``averages`` towards ``parameters`` of the same names and shapes, in place."""
    torch._foreach_lerp_(
        list(averages.values()), [parameters[name] for name in averages], 1 - decay
    )
