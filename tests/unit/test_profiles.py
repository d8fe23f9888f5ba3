"""The profiles name every rule that they have to."""

import re

import yaml

from tests.conftest import ROOT, load
from transient_ridge.config import sizing as needs
from transient_ridge.figures.catalogue import CATALOGUE, ON_REQUEST


def profile(name):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())


def rules():
    """Rule -> its text, of all rules that are written out."""
    text = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    parts = re.split(r"^rule (\w+):$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_short_jobs_share_submissions_on_slurm():
    grouped = {entry.split("=")[0] for entry in profile("slurm")["groups"]}
    figures = {f"figure_{name}" for name in set(CATALOGUE) - ON_REQUEST}
    short = {
        name for name, text in rules().items() if re.search(r"runtime=.*\b10 \* attempt", text)
    }
    once = {"llc_recommend", "join_crosschecks"}  # on request
    assert figures | short - once <= grouped
    assert grouped <= figures | set(rules())


def test_every_job_that_uses_the_gpu_says_what_it_takes_of_its_memory():
    on_the_gpu = {name: text for name, text in rules().items() if "gpu=GPUS" in text}
    assert {"train", "evaluate", "llc"} <= set(on_the_gpu)
    assert all("gpu_mem_mb=" in text for text in on_the_gpu.values())
    limits = dict(entry.split("=") for entry in profile("gpu")["resources"])
    paper = load("paper")
    asked = (needs.train_mb, needs.evaluate_mb, needs.llc_mb, needs.calibration_mb)
    assert all(need(paper) <= int(limits["gpu_mem_mb"]) for need in asked)
    assert "train" in {name for name, text in on_the_gpu.items() if "stacks=" in text}
    assert limits["stacks"] == "1"
