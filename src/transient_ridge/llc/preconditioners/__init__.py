"""Preconditioners of the Langevin chains, one per file: each implements :class:`~..contracts.PreconditionerEntry`."""
