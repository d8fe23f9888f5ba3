"""How planning grows with the grid: memory, and CPU time of a first plan and of finding nothing to do.

`python -m benchmarks.scale` prints a line per grid size. Results are pretended (`snakemake --touch` on empty
files), so that nothing is computed. Measured on a virtual machine:

  runs   plan, s  no-op, s  memory, MB
    10       4.8       4.5         167
   100       9.1       6.6         184
  1000      40.5      25.0         379

A run is a training, an evaluation and 50 LLC steps in five chunks, so the last line is 7,000 jobs: 36 ms per run.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from transient_ridge.artefacts.provenance import peak_memory_mb

ROOT = Path(__file__).resolve().parents[1]
SIZES = (10, 100, 1000)


def configuration(runs: int) -> dict[str, object]:
    """A grid with this many runs: ten task diversities, as many seeds as needed, 50 LLC steps each."""
    every = 80
    return {
        "preset": "scale",
        "training": {"steps": 50 * every},
        "checkpoints": {"linear_every": every, "log_count": 0},
        "llc": {"steps": [every * (i + 1) for i in range(50)], "chunk": 10},
        "llc_crosscheck": {"steps": [50 * every]},
        "llc_calibration": {"runs": ["M1-seed0"], "steps": [50 * every]},
        "grid": {
            "task_diversities": [2**i for i in range(10)],
            "seeds": list(range(runs // 10)),
        },
    }


def _measured(command: list[str], folder: Path) -> tuple[float, float, str]:
    """CPU seconds (little changed by other work), peak memory in MB and output of one command."""
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(output[-2000:])
    return usage.ru_utime + usage.ru_stime, peak_memory_mb(usage), output


def bench_scale(runs: int) -> dict[str, float]:
    """CPU seconds and MB of planning from scratch, and with everything done."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        (folder / "scale.yaml").write_text(yaml.safe_dump(configuration(runs)))
        snakemake = [
            sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile"), "--cores", "1",
            "--configfile", "scale.yaml",
        ]  # fmt: skip
        first, memory, _ = _measured([*snakemake, "-n", "--quiet", "all"], folder)
        listing = subprocess.run(
            [*snakemake, "--summary"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
        for line in listing.splitlines()[1:]:
            path = folder / line.split("\t")[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.name == "checkpoints":
                path.mkdir(exist_ok=True)
            else:
                path.touch()
        (folder / "results/scale/config.yaml").write_text("preset: scale\n")
        subprocess.run([*snakemake, "--touch"], cwd=folder, capture_output=True, check=True)
        nothing, _, output = _measured([*snakemake, "-n"], folder)
        if "Nothing to be done" not in output:
            raise RuntimeError(output[-2000:])
        return {"plan_s": first, "no_op_s": nothing, "memory_mb": memory}


def main() -> None:
    print(f"{'runs':>6} {'plan, s':>9} {'no-op, s':>9} {'memory, MB':>11}")
    for runs in map(int, sys.argv[1:] or SIZES):
        found = bench_scale(runs)
        print(
            f"{runs:6d} {found['plan_s']:9.1f} {found['no_op_s']:9.1f} {found['memory_mb']:11.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
