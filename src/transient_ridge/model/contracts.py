"""The protocol of the registry in this room; an entry is a module that implements it."""

from typing import Protocol

from torch import nn

from ..config.settings import ModelSettings


class AttentionMechanism(Protocol):
    """An attention mechanism (:mod:`.attention`)."""

    def Attention(self, settings: ModelSettings) -> nn.Module:  # noqa: N802 - a class
        """Return a module with ``forward(h, mask, every)``, as in :class:`~.attention.softmax.Attention`.

        Every ``every``-th token of ``h`` (B, T, d) attends to all tokens up to it; the result is (B, T/every, d).
        """
        ...
