"""The local learning coefficient: posterior, samplers, estimates, calibration."""
