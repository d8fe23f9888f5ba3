"""Snakemake adapter: draw one figure."""

import sys
from pathlib import Path

from transient_ridge.figures import render

with open(snakemake.log[0], "w") as log:
    sys.stdout = sys.stderr = log
    render(
        snakemake.wildcards.figure,
        {
            table: [Path(p) for p in ([paths] if isinstance(paths, str) else paths)]
            for table, paths in snakemake.input.items()
        },
        dict(snakemake.params.items()),
        Path(snakemake.output.png),
        Path(snakemake.output.svg),
    )
