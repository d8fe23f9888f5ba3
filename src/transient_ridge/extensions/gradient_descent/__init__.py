"""Linear attention as steps of gradient descent (arXiv 2212.07677), and a known LLC."""
