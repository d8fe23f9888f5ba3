"""Minimum versions agree everywhere; `.ci/minimum` installs and runs them."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NEEDED = [Requirement(each) for each in PROJECT["dependencies"]]
#: Package -> its name on conda-forge, where that differs.
CONDA = {"matplotlib": "matplotlib-base", "torch": "pytorch", "snakemake": "snakemake-minimal"}


def locked():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = (line.split("==") for line in lines if "==" in line)
    return {name.lower(): version for name, version in pins}


@pytest.mark.parametrize("needed", NEEDED, ids=str)
def test_installed_versions_are_allowed_and_have_a_minimum(needed):
    assert locked()[needed.name.lower()] in needed.specifier
    assert any(bound.operator in (">=", "==") for bound in needed.specifier)


def test_conda_has_the_same_bounds():
    *stated, pip = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    found = {name: bound for name, _, bound in (each.partition(" ") for each in stated) if bound}
    found |= {name: f"=={version}" for name, version in (each.split("==") for each in pip["pip"])}
    expected = {CONDA.get(each.name, each.name): str(each.specifier) for each in NEEDED}
    expected["python"] = PROJECT["requires-python"]
    assert {name: set(bound.split(",")) for name, bound in found.items()} == {
        name: set(bound.split(",")) for name, bound in expected.items()
    }


def test_the_snakefile_refuses_older_versions():
    least = re.search(r'min_version\("(.*)"\)', (ROOT / "workflow/Snakefile").read_text())[1]
    assert f">={least}" in str(next(each.specifier for each in NEEDED if each.name == "snakemake"))
