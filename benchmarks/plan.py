"""How long Snakemake takes to plan: `snakemake -n` in an empty results folder."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PRESETS = ("smoke", "paper")


def bench_plan() -> dict[str, float]:
    """Seconds per preset, from nothing."""
    seconds = {}
    for preset in PRESETS:
        with tempfile.TemporaryDirectory() as folder:
            command: list[str | Path] = [
                sys.executable, "-m", "snakemake", "-n", "--quiet", "all", "--directory", folder,
                "--snakefile", ROOT / "workflow/Snakefile",
                "--configfile", ROOT / "config" / "config.yaml", ROOT / "config" / f"{preset}.yaml",
            ]  # fmt: skip
            (Path(folder) / "config").symlink_to(ROOT / "config")
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[preset] = time.perf_counter() - began
    return seconds


if __name__ == "__main__":
    print(bench_plan())
