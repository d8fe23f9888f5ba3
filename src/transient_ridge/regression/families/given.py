"""Tasks from a file, for runs that were trained on them elsewhere. M = infinity draws from N(0, I_D)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from ...config.section import Section, key
from ...config.settings import DataSettings
from ...errors import ConfigError
from . import gaussian


class Options(Section):
    """Where the tasks are."""

    file: str = key("A safetensors file with the tensor `tasks` (M, D): T_M is its first M rows.")


def fault(data: DataSettings, options: Options) -> str | None:
    """Why the file is not for these data."""
    try:
        found = _read(options)
    except ConfigError as error:
        return str(error)
    D = data.dimension
    if found.ndim != 2 or found.shape[1] != D:
        return f"{options.file}: tasks of shape {found.shape}; must be (M, {D}) for data.dimension = {D}"
    return None


def members(
    generator: np.random.Generator, count: int, dimension: int, options: Options
) -> NDArray[np.floating]:
    """The first ``count`` tasks of the file. Raises ConfigError if it has fewer."""
    found = _read(options)
    if len(found) < count:
        raise ConfigError(
            f"data.tasks.file = {options.file}: {len(found)} tasks, and the grid has M = {count}; add tasks, "
            "or take this M out of grid.task_diversities"
        )
    return found[:count]


def sample(
    generator: np.random.Generator,
    count: int,
    dimension: int,
    *,
    dtype: type = np.float64,
    options: Options,
) -> NDArray[np.floating]:
    """``count`` independent tasks, regardless of the file."""
    return gaussian.sample(generator, count, dimension, dtype=dtype)


def _read(options: Options) -> NDArray[np.floating]:
    path = Path(options.file)
    try:
        with safe_open(path, "numpy") as kept:
            found: NDArray[np.floating] = kept.get_tensor("tasks")
    except (OSError, SafetensorError) as error:
        raise ConfigError(
            f"{path}: no tensor 'tasks' to be read ({error}); write it by safetensors.torch.save_file"
        ) from error
    return found
