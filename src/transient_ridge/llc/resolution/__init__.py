"""The LLC as a function of the resolution r = gamma / (n beta): by the curvature at w*, and sampled."""
