"""Features of unequal frequency (arXiv 2310.05249)."""
