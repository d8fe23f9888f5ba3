"""Task families, one per file: each implements :class:`~..contracts.TaskFamily`."""
