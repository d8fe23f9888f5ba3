"""How memory grows with the number of checkpoints: the joint PCA, and the joining of LLC tables.

`python -m benchmarks.memory` prints the peak MB of one process, on tables of made-up numbers (8 runs, B = 512, K = 16,
the joint PCA of the paper's B). Measured on a virtual machine:

  checkpoints  data, MB  start-up  evaluate  joint PCA
           25         6       192       254        328
          100        25       192       278        597
          200        50       192       289        920

Both grow linearly; the PCA by 12.6 times its float32 data, which is what `pca_memory` in workflow/rules/common.smk
asks for.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from transient_ridge import tables
from transient_ridge.pca import joint_pca
from transient_ridge.provenance import collect

SIZES = (25, 100, 200)
RUNS, VALUES = 8, 512 * 16
K = 16


def _outputs(folder: Path, checkpoints: int) -> list[Path]:
    """The table `outputs` of every run, written as evaluation writes it."""
    rng = np.random.default_rng(0)
    paths = []
    for seed in range(RUNS):
        rows = tables.Rows("outputs")
        for step in range(checkpoints):
            values = rng.standard_normal(VALUES, dtype=np.float32)
            rows.add(task_diversity=4.0, seed=seed, step=step, outputs=values)
        paths.append(folder / f"M4-seed{seed}" / "outputs.parquet")
        tables.write(paths[-1], "outputs", rows.columns, collect({}, run=f"M4-seed{seed}"))
    return paths


def _idealised(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    rows = tables.Rows("idealised_outputs")
    for predictor, M in (("dmmse", 4.0), ("ridge", np.inf)):
        values = rng.standard_normal(VALUES, dtype=np.float32)
        rows.add(task_diversity=M, predictor=predictor, outputs=values)
    path = folder / "idealised.parquet"
    tables.write(path, "idealised_outputs", rows.columns, collect({}))
    return path


def measure(kind: str, checkpoints: int) -> float:
    """Peak MB of this process for one piece of work; 'evaluate' writes the outputs, 'pca' fits them as well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if kind != "nothing":
            paths = _outputs(folder, checkpoints)
        if kind == "pca":
            ideal = _idealised(folder)
            settings = {"pca": {"components": 4, "sequences": 512}, "context_length": K}
            made = {
                key: folder / f"{key}.parquet"
                for key in ("trajectories", "idealised_points", "variance", "loadings")
            }
            joint_pca(paths, ideal, settings, **made)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    if len(sys.argv) == 3:
        print(measure(sys.argv[1], int(sys.argv[2])))
        return
    print(f"{'checkpoints':>12} {'data, MB':>9} {'start-up':>9} {'evaluate':>9} {'joint PCA':>10}")
    for checkpoints in SIZES:
        found = [
            float(subprocess.run(
                [sys.executable, "-m", "benchmarks.memory", kind, str(checkpoints)],
                capture_output=True, text=True, check=True,
            ).stdout)
            for kind in ("nothing", "outputs", "pca")
        ]  # fmt: skip
        data = RUNS * checkpoints * VALUES * 4 / 2**20
        print(
            f"{checkpoints:>12} {data:>9.0f} {found[0]:>9.0f} {found[1]:>9.0f} {found[2]:>10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
