"""Affine recurrences, fitted or remembered (arXiv 2410.17438)."""
