"""Attention mechanisms, one per file: each implements :class:`~..contracts.AttentionMechanism`."""
