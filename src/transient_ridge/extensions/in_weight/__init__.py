"""The gate between in-context and in-weight learning (arXiv 2410.23042)."""
