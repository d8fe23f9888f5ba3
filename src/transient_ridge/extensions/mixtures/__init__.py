"""Mixtures of Markov chains: unigrams and bigrams, retrieved or inferred (arXiv 2412.01003)."""
