"""Optimisers, one per file: each implements :class:`~..contracts.Optimiser`."""
