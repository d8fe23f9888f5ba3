"""Refined LLCs of heads and MLPs (arXiv 2410.02984)."""
