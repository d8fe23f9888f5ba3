"""Linear attention as steps of gradient descent (arXiv 2212.07677), and an LLC that is known."""
