"""Figures of the LLC."""
