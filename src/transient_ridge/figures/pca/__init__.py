"""Figures of the joint trajectory PCA."""
