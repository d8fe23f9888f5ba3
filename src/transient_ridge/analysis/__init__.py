"""What the checkpoints of the runs say: losses, distances, phases, joint PCA, model selection."""
