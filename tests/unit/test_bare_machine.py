"""The packages that a machine needs if it only trains and measures."""

import subprocess
import sys

from tests.conftest import ROOT

#: Reading and writing tables, figures, verdicts and the workflow need these.
ABSENT = ("arviz", "filelock", "matplotlib", "pyarrow", "sklearn", "snakemake", "devinterp")

#: Makes packages unimportable even if they are installed.
WITHOUT = "import sys\nfor name in {absent!r}: sys.modules[name] = None\n"


def test_training_and_measuring_need_no_packages_of_tables_and_figures():
    modules = (
        "training.stack", "training.step", "config.presets", "analysis.evaluate", "analysis.ridge_on_tasks",
        "llc.estimator", "llc.curvature.at_checkpoint",
    )  # fmt: skip
    code = WITHOUT.format(absent=ABSENT) + "".join(
        f"import transient_ridge.{name}\n" for name in modules
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
