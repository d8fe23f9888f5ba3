"""What the package offers to other models and other data: functions of modules and tensors, without the workflow.

``transient_ridge`` itself exports them. An argument that they cannot use raises
:class:`~transient_ridge.errors.InputError`.
"""
