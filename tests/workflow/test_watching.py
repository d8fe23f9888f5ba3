"""The logger plugin under a real Snakemake; without it, Snakemake's own output stays as it is."""

import re

import pytest

pytestmark = pytest.mark.workflow

WATCHED = ("--logger", "transient-ridge")
SRC = {"PYTHONPATH": "src"}  # as in the Makefile: Snakemake finds the plugin on the path
#: What Snakemake prints before it knows its loggers.
EARLY = ("Config file", "Using workflow specific profile")


def test_a_run_and_its_failure_take_a_few_lines_and_the_rest_goes_to_a_file(project):
    base = project.root / "results/tiny/base"
    (base / "figures/training_curves.png").unlink()
    (base / "runs/M4-seed0/losses.parquet").unlink()
    (base / "runs/M4-seed0/checkpoints/step-00000060.safetensors").write_bytes(b"")
    done = project.snakemake("--keep-going", *WATCHED, check=False, **SRC)
    assert done.returncode != 0
    lines = done.stdout.splitlines()
    assert len(lines) < 40
    log = re.search(r"jobs to do; full log: (\S+)", done.stdout)[1]
    assert lines[-1] == f"full log: {log}"
    assert "evaluate base M4-seed0 failed after" in done.stdout
    assert "    CheckpointError: " in done.stdout
    full = (project.root / log).read_text()
    assert "rule figure_training_curves:" in full
    assert "Error in rule evaluate" in full


def test_nothing_to_do_is_one_line(project):
    done = project.snakemake(*WATCHED, **SRC)
    lines = [line for line in done.stdout.splitlines() if not line.startswith(EARLY)]
    assert lines == ["Nothing to be done (all requested files are present and up to date)."]


def test_plans_and_runs_by_hand_keep_the_output_of_snakemake(project):
    (project.root / "results/tiny/base/figures/figure1.png").unlink()
    assert "rule figure_figure1:" in project.snakemake("-n", *WATCHED, **SRC).stdout
    assert "rule figure_figure1:" in project.snakemake().stdout
