"""Adapters of checkpoints that others trained, one per file: each implements :class:`~..contracts.Adapter`."""
