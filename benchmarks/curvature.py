"""How many sequences an LLC by curvature needs: what N of them give, and the limit of many that follows from it."""

import sys
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.llc import RUNS, checkpoint
from transient_ridge.config.configuration import trained_by
from transient_ridge.config.settings import SpectrumSettings
from transient_ridge.figures.drawing.style import label
from transient_ridge.llc.curvature.at_checkpoint import CurvatureAt
from transient_ridge.llc.curvature.spectrum import Resolved

RESOLUTIONS = (10, 3.3, 1, 0.33, 0.1, 0.033)


def main(quick: bool = False) -> None:
    """Print for each run and N the seconds, and for each r the LLC with its error and the raw sum in brackets."""
    torch.set_num_threads(1)
    for run in RUNS:
        with tempfile.TemporaryDirectory() as folder:
            kept, config = checkpoint(run, Path(folder))
            print(
                f"\nM = {label(run.task_diversity)}\n     N     s"
                + "".join(f"{r:>22g}" for r in RESOLUTIONS)
            )
            for N in (16, 32) if quick else (64, 128, 256, 512):
                asked = SpectrumSettings(steps=(), sequences=N, resolutions=RESOLUTIONS)
                began = time.process_time()
                at = CurvatureAt(
                    kept, run, trained_by(config), config["llc"]["data"], asked, torch.device("cpu")
                )
                found = at.step(kept.steps[-1])
                seconds = time.process_time() - began
                cells = [found.at(r) for r in RESOLUTIONS]
                print(f"{N:6d}{seconds:6.1f}" + "".join(map(_cell, cells)), flush=True)


def _cell(found: Resolved) -> str:
    llc = "-" if found.llc is None else f"{found.llc:.1f} +- {found.standard_error:.1f}"
    return f"{llc:>14s} ({found.in_sample:5.1f})"


if __name__ == "__main__":
    main("--quick" in sys.argv)
