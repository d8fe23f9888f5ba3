"""Optimisers, one per file.

An entry offers ``make(parameters, settings, stack_dims) -> list[torch.optim.Optimizer]``: ``parameters`` maps the
model's names to tensors whose first ``stack_dims`` axes index stacked runs, and ``settings`` are
:class:`~transient_ridge.config.settings.TrainingSettings`. A run in a stack must be optimised as it is alone.
"""
