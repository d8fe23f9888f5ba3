"""Sizes that are not configurable; the computation and the memory estimates share them."""

#: Sequences per forward pass where no gradient is needed.
CHUNK = 1024

#: Numbers in one chunk of per-sequence gradients, at most.
PER_SEQUENCE_NUMBERS = 1 << 24

#: Numbers in the gradients behind one part of a Gram matrix, at most, unless a single parameter has more.
GRADIENT_NUMBERS = 1 << 27

#: Sequences behind products with the curvature that the chains feel: with 4,096, the predicted effects of slope and
#: heating change by 8 %.
PRODUCT_SEQUENCES = 256
