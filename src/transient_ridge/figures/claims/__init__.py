"""Figures of claims 8 to 10 and the scorecard."""
