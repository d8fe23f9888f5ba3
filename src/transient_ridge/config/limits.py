"""Sizes that are not configurable; the computation and the memory estimates share them."""

#: Sequences per forward pass where no gradient is needed.
CHUNK = 1024

#: Numbers in one chunk of per-sequence gradients, at most.
PER_SEQUENCE_NUMBERS = 1 << 24
