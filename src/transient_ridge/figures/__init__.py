"""Figures, one module each, drawn only from tables."""
