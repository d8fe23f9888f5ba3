"""Joint trajectory PCA of any runs: their paths in a common low-dimensional function space."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ..analysis.joint_pca import fit, orient
from ..errors import ConfigError, InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class JointPca:
    """Paths in the space of the first v components, and that space; coordinates have the units of the outputs."""

    trajectories: pd.DataFrame  # run, step, pc1, ..., pcv: a row per run and step
    reference: pd.DataFrame  # point, pc1, ..., pcv: projected, not part of the fit
    explained: Array  # (v,), share of the variance along each component
    mean: Array  # (N,), the flattened outputs whose coordinates are 0
    components: Array  # (v, N)

    def project(self, outputs: ArrayLike) -> Array:
        """Coordinates (rows, v) of ``outputs`` (rows, ...)."""
        rows = _numbers(outputs)
        found: Array = (rows.reshape(len(rows), -1) - self.mean) @ self.components.T
        return found


def joint_pca(
    outputs: Mapping[Any, Mapping[int, ArrayLike]],
    reference: Mapping[str, ArrayLike] | None = None,
    *,
    components: int = 2,
) -> JointPca:
    """Decompose the outputs of all runs at all steps together (arXiv 2501.17745, section 'Joint trajectory PCA').

    ``outputs[run][step]`` are the outputs of one checkpoint, all on the same inputs: arrays or CPU tensors of one
    shape. ``reference`` points, such as idealised predictors, are projected into the space of the runs. PC1 points from
    the first steps to the last; the other components point from the first reference point to the second, if there are
    two.

    Raises InputError if shapes differ, an output is not finite, or there are fewer outputs than components.
    """
    keys = [(run, step) for run, steps in outputs.items() for step in sorted(steps)]
    points = reference or {}
    named = {f"outputs[{run!r}][{step!r}]": outputs[run][step] for run, step in keys}
    named |= {f"reference[{name!r}]": point for name, point in points.items()}
    stacked = _stacked(named)
    rows, others = stacked[: len(keys)], stacked[len(keys) :]
    try:
        fitted = fit(rows, components)
    except ConfigError:
        raise InputError(
            f"components = {components}: must be at most {min(rows.shape)}, the number of outputs and their size"
        ) from None
    starts, ends = (
        rows[[keys.index((run, least(steps))) for run, steps in outputs.items() if steps]].mean(
            axis=0
        )
        for least in (min, max)
    )
    development = ends - starts
    fitted = orient(fitted, development, others[1] - others[0] if len(others) > 1 else development)
    names = [f"pc{i + 1}" for i in range(components)]
    found = pd.DataFrame(fitted.project(stacked), columns=names)
    paths, ends_of = found[: len(keys)], found[len(keys) :].reset_index(drop=True)
    paths.insert(0, "step", [step for _, step in keys])
    paths.insert(0, "run", [run for run, _ in keys])
    ends_of.insert(0, "point", list(points))
    return JointPca(paths, ends_of, fitted.variance_ratio, fitted.mean, fitted.components)


def _stacked(named: Mapping[str, ArrayLike]) -> Array:
    """Every output as a row. Raises InputError if one differs in shape or is not finite."""
    if not named:
        raise InputError("outputs: no run has a step")
    arrays = {name: _numbers(output) for name, output in named.items()}
    first, shape = next((name, array.shape) for name, array in arrays.items())
    for name, array in arrays.items():
        if array.shape != shape:
            raise InputError(
                f"{name} has shape {array.shape}, {first} has {shape}; give outputs on the same inputs"
            )
        if not np.isfinite(array).all():
            raise InputError(f"{name} is not finite; leave this step out")
    return np.stack([array.ravel() for array in arrays.values()])


def _numbers(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)
