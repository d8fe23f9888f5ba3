"""The configuration: its keys, the part of it that each job receives, and what its jobs need of a machine."""
