"""Learning-rate schedules, one per file.

An entry offers ``factor(settings, step) -> float``: the multiple of the base rate used by the update that leads to
``step + 1``, where ``settings`` are :class:`~transient_ridge.config.settings.TrainingSettings`.
"""
