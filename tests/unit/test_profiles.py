"""Profiles and rules agree."""

import re

import yaml
from snakemake.api import resolve_snakefile

from tests.conftest import ROOT
from transient_ridge.config import sizing
from transient_ridge.config.presets import load

COMMON = ROOT / "workflow" / "rules" / "common.smk"


def test_every_profile_compares_checksums_of_large_tables():
    folders = [path.name for path in (ROOT / "workflow" / "profiles").iterdir()]
    assert {profile(name)["max-checksum-file-size"] for name in folders} == {"1GB"}


def profile(name):
    return yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())


HEAD = re.compile(
    r"^ *(?:use rule (?P<base>\w+) as (?P<reuse>\w+) with|rule(?: (?P<name>\w+))?):$", re.M
)


def rules():
    """Rule -> its text, including what it inherits, for all rules that run something."""
    files = sorted((ROOT / "workflow/rules").glob("*.smk"))
    text = "".join(path.read_text() for path in files if path.name != "common.smk")
    heads = [*HEAD.finditer(text)]
    ends = [*(head.start() for head in heads[1:]), len(text)]
    stated, base = {}, {}
    for head, end in zip(heads, ends, strict=True):
        split = re.split(r"^ +(\w+):", text[head.end() : end], flags=re.M)
        parts = dict(zip(split[1::2], split[2::2], strict=True))
        name = (
            head["reuse"] or head["name"] or ("figure" if "FIGURE" in parts["name"] else "derived")
        )
        base[name], stated[name] = head["base"], parts

    def complete(name):
        return complete(base[name]) | stated[name] if base[name] else stated[name]

    whole = {name: complete(name) for name in stated}
    return {
        name: "".join(f"    {part}:{body}" for part, body in parts.items())
        for name, parts in whole.items()
        if "shell" in parts
    }


def test_a_rule_inherits_what_it_does_not_state():
    assert rules()["curves"] != rules()["claims"]
    assert "job(STAGE)" in rules()["claims"]
    assert "minutes=60" in rules()["llc_on_tasks"]


def test_the_default_profile_is_found_without_being_named():
    """Snakemake looks for `profiles/default` beside the Snakefile that it finds."""
    found = resolve_snakefile(None).resolve()
    assert found == (ROOT / "Snakefile").resolve()
    default = found.parent / "profiles" / "default" / "config.yaml"
    assert default.resolve() == (ROOT / "workflow/profiles/default/config.yaml").resolve()


def test_short_jobs_share_submissions_on_slurm():
    short = {name for name, text in rules().items() if "**light(" in text}
    grouped = {name for name, text in rules().items() if "group:" in text}
    local = {name for name, text in rules().items() if "localrule" in text}
    assert {"curves", "claims", "figure", "idealised", "join_llc", "derived"} <= short
    assert short - local <= grouped
    # A group is named in its rule, or in common.smk for several rules.
    named = re.findall(r"group:\n\s+(\S+)", "".join(rules().values()))
    constants = dict(re.findall(r'^(\w+) = "(\S+)"$', COMMON.read_text(), flags=re.MULTILINE))
    assert {constants.get(name, name.strip('"')) for name in named} == {
        entry.split("=")[0] for entry in profile("slurm")["group-components"]
    }


def test_the_jobs_of_a_submission_are_counted_one_after_another():
    """As the plugin runs them; otherwise a group would request the cores of all its jobs and the time of a few."""
    grouped = {name: text for name, text in rules().items() if "group:" in text}
    helpers = ("**light(", "**computing(", "**IN_TURN")
    assert all(any(each in text for each in helpers) for text in grouped.values())
    assert COMMON.read_text().count("return IN_TURN | {") == 2
    assert profile("slurm")["resources"] == ["in_turn=1"]
    assert profile("slurm")["set-resource-scopes"] == ["in_turn=local"]


def test_every_job_that_uses_the_gpu_states_how_much_of_its_memory():
    on_the_gpu = {name for name, text in rules().items() if "**computing(" in text}
    assert on_the_gpu == {name for name, text in rules().items() if "ON_DEVICE" in text}
    assert {"train", "evaluate", "llc"} <= on_the_gpu
    limits = dict(entry.split("=") for entry in profile("gpu")["resources"])
    paper = load("paper")
    asked = (sizing.train_mb, sizing.evaluate_mb, sizing.llc_mb, sizing.calibration_mb)
    assert all(need(paper) <= int(limits["gpu_mem_mb"]) for need in asked)
    assert "stacks=" in rules()["train"]
    assert limits["stacks"] == "1"
