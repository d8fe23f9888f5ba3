"""Idealised predictors, one per file: functions that a trained model may approximate.

An entry offers

``LABEL``, ``MARKER``
    its name (mathtext) and marker (matplotlib's) in figures, as literals;
``OF_TASK_SET``
    whether it depends on the task set T_M, so that there is one for every M, as a literal;
``predict(x, y, tasks, noise_variance) -> Tensor``
    predictions (..., K) of every ``y_k`` from ``(x_1, y_1, ..., x_{k-1}, y_{k-1}, x_k)``: ``x`` is (..., K, D), ``y``
    (..., K), both float32 or both float64, as is the result; ``tasks`` (M, D) are T_M, or None for M = inf.

One that is for one dimension, or one input law, alone says so in a literal ``DIMENSION``, or ``INPUTS``.

ridge and dMMSE_M are the posterior mean of ``t.x_k`` when the noise has variance sigma^2 (arXiv 2501.17745, section
'Idealised predictors'): ridge under the prior N(0, I_D), dMMSE_M under the uniform prior over T_M.
"""
