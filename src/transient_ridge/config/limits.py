"""Sizes that are not configurable; the computation and the memory estimates share them."""

#: Sequences per forward pass where no gradient is needed.
CHUNK = 1024
