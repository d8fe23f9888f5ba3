"""The local posterior of weights that are no minimum of the loss."""

from typing import Any

import torch
from torch import Tensor

from .posterior import CheckpointPosterior
from .target import Evaluation


class LevelPosterior(CheckpointPosterior):
    """The posterior of the loss without its slope g at w*: l(w) - g (w - w*).

    That loss is stationary at w* and has the same curvature, so its chains stay around w* and count the same
    directions. Those of l(w) slide downhill.
    """

    def __init__(self, *of: Any, **settings: Any) -> None:
        """As for CheckpointPosterior."""
        super().__init__(*of, **settings)
        #: The gradient (P,) of l_n at w*.
        self.slope = self.centre_gradient
        self.centre_gradient = torch.zeros_like(self.slope)

    def evaluate(self, positions: Tensor, step: int) -> Evaluation:
        """As CheckpointPosterior does, without the slope."""
        here = super().evaluate(positions, step)
        fallen = ((positions - self.centre) @ self.slope)[:, None]
        # The control variate has already replaced the slope by centre_gradient.
        gradient = here.gradient if self.settings.control_variate else here.gradient - self.slope
        return here._replace(losses=here.losses - fallen, gradient=gradient)
