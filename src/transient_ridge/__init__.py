"""Dynamics of transient structure in in-context linear regression transformers.

Data flows one way through the package, and so do the imports:
config -> streams -> tasks -> predictors, transformer -> training -> evaluation -> curves, phases, pca -> robustness,
selection -> claims -> figures.
"""
