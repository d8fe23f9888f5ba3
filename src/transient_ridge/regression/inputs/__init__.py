"""Input laws, one per file: how the pairs (x, y) of a task are drawn.

An entry offers ``draw(tasks, context_length, deviation, inputs, noise) -> (x, y)`` with ``tasks`` (B, D), the standard
deviation of the noise, two independent generators, and float32 results (B, K, D) and (B, K). The first sequences
must not depend on how many are drawn. One that is of one dimension D, or of one family of tasks, alone says so in a
literal ``DIMENSION``, or ``TASKS``; the configuration is then checked against it before work starts. One whose x are
drawn from a list offers ``feature(x)``, the number (...), from 0, of each x (..., D): losses are then told apart by it.
"""
