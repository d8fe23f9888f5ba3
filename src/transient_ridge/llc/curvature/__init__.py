"""The curvature of the loss at a checkpoint: Kronecker factors, spectrum, and the metric of chains."""
