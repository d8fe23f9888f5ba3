"""Input laws, one per file: each implements :class:`~..contracts.InputLaw`."""
