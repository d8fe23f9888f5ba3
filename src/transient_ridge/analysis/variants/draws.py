"""Variants that differ in their root seed, pooled: every draw becomes a seed of one variant."""

import pandas as pd

from ...artefacts.tables import Frames

#: Columns that differ between draws where a table has no seed.
MEASURED = ("loss", "standard_error")


def draws_as_seeds(frames: Frames) -> Frames:
    """The tables of several variants (column ``variant``) as those of one, with each draw as another seed.

    A table without seeds, such as that of the idealised predictors, becomes its mean over draws.
    """
    variants = dict.fromkeys(name for frame in frames.values() for name in frame["variant"])
    seeds = [frame["seed"].max() for frame in frames.values() if "seed" in frame and len(frame)]
    stride = 1 + int(max(seeds, default=0))
    first = {name: stride * number for number, name in enumerate(variants)}
    return {name: _pooled(frame, first) for name, frame in frames.items()}


def _pooled(frame: pd.DataFrame, first: dict[str, int]) -> pd.DataFrame:
    draws = frame["variant"].map(first)
    one = frame.drop(columns="variant")
    if "seed" in one:
        return one.assign(seed=one["seed"] + draws)
    keys = [column for column in one if column not in MEASURED]
    return one.groupby(keys, dropna=False, sort=False).mean().reset_index()
