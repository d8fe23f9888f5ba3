"""Learning-rate schedules, one per file: each implements :class:`~..contracts.Schedule`."""
