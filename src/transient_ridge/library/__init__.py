"""What the package offers to other models and other data: functions of modules and tensors, without the workflow.

``transient_ridge`` itself exports them. Every fault of what they are given is an
:class:`~transient_ridge.errors.InputError`.
"""
