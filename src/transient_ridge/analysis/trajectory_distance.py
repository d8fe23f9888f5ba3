"""The difference in shape between two sets of trajectories."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import procrustes

Array = NDArray[np.float64]


def trajectory_distance(coordinates: Array, reference: Array) -> float:
    """Procrustes distance of two sets of points (rows, v), regardless of position, scale and orientation.

    It is the root mean square deviation in units of the reference's spread: 0 for the same shape, 1 at most.
    """
    return float(np.sqrt(max(procrustes(reference, coordinates)[2], 0.0)))
