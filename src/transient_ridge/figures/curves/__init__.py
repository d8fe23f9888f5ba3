"""Figures of losses and distances over training."""
