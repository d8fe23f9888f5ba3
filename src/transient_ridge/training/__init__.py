"""Training: optimisers, schedules, one run or a stack of them, checkpoints."""
