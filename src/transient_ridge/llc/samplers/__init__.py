"""Samplers of the local posterior, one per file: each implements :class:`~..contracts.Sampler`."""
