"""Idealised predictors, one per file: each implements :class:`~..contracts.Predictor`.

ridge and dMMSE_M are the posterior mean of ``t.x_k`` when the noise has variance sigma^2 (arXiv 2501.17745, section
'Idealised predictors'): ridge under the prior N(0, I_D), dMMSE_M under the uniform prior over T_M.
"""
