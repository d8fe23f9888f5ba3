"""In-context linear regression: named random streams, tasks, sequences, idealised predictors."""
