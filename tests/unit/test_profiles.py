"""What profiles and rules say of each other."""

import re

import yaml

from tests.conftest import ROOT
from transient_ridge.config import sizing
from transient_ridge.config.presets import load


def profile(name):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())


def rules():
    """Rule -> its text, of all rules that are written out and run something."""
    files = sorted((ROOT / "workflow/rules").glob("*.smk"))
    text = "".join(path.read_text() for path in files if path.name != "common.smk")
    parts = re.split(r"^    ?(?:    )?rule(?: (\w+))?:$|^rule (\w+):$", text, flags=re.MULTILINE)
    named = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    found = {first or second or "figure": body for first, second, body in named}
    return {name: body for name, body in found.items() if "shell:" in body}


def test_short_jobs_share_submissions_on_slurm():
    short = {name for name, text in rules().items() if "**light(" in text}
    grouped = {name for name, text in rules().items() if "group:" in text}
    local = {name for name, text in rules().items() if "localrule" in text}
    assert {"curves", "claims", "figure", "idealised", "join_llc"} <= short
    assert short - local <= grouped
    assert set(re.findall(r'group:\n\s+"(\w+)"', "".join(rules().values()))) == {
        entry.split("=")[0] for entry in profile("slurm")["group-components"]
    }


def test_every_job_that_uses_the_gpu_says_what_it_takes_of_its_memory():
    on_the_gpu = {name for name, text in rules().items() if "**computing(" in text}
    assert on_the_gpu == {name for name, text in rules().items() if "ON_DEVICE" in text}
    assert {"train", "evaluate", "llc"} <= on_the_gpu
    limits = dict(entry.split("=") for entry in profile("gpu")["resources"])
    paper = load("paper")
    asked = (sizing.train_mb, sizing.evaluate_mb, sizing.llc_mb, sizing.calibration_mb)
    assert all(need(paper) <= int(limits["gpu_mem_mb"]) for need in asked)
    assert "stacks=" in rules()["train"]
    assert limits["stacks"] == "1"
