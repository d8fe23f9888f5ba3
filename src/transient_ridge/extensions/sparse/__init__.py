"""Sparse tasks, and the heads that a model uses for them (arXiv 2408.04532)."""
