"""The configuration: what may be said in it, what a job sees of it, what it asks of a machine."""
