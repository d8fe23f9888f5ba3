"""The LLC of a run on the tasks of another."""
