"""Attention mechanisms, one per file.

An entry offers the module class ``Attention(settings)`` (:class:`~transient_ridge.config.settings.ModelSettings`) with
``forward(h, mask, every)``: from every ``every``-th token of ``h`` (B, T, d) to all tokens up to it, (B, T/every, d).
"""
