"""What the entries of the registry in this room offer. An entry is a module, which implements the protocol."""

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
