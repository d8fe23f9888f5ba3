"""What the checkpoints show: losses, distances, phases, joint PCA, model selection."""
