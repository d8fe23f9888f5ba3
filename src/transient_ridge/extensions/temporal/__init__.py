"""Tasks that change during training (arXiv 2605.18281)."""
