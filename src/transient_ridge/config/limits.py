"""Sizes that are no one's choice, and on which both the computation and its memory depend."""

#: Sequences per forward pass where no gradient is needed.
CHUNK = 1024
