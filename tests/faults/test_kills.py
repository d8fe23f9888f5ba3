"""Killed at random moments and restarted, the pipeline ends with the tables of an uninterrupted run."""

import os
import random
import shutil

import pytest

from tests.faults.harness import (
    EVERYTHING,
    SNAKEMAKE,
    STAGES,
    Soak,
    checkpoints,
    contents,
    leftovers,
)
from tests.workflow.conftest import Project
from transient_ridge.stage import stages

#: The least number of kills in a soak; `SOAK_KILLS=100 make soak` for more.
KILLS = int(os.environ.get("SOAK_KILLS", "30"))


@pytest.fixture(scope="module")
def undisturbed(finished, tmp_path_factory) -> Project:
    """A preset whose training takes seconds, run once without interruption."""
    root = tmp_path_factory.mktemp("soak") / "undisturbed"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    project = Project(root)
    config = project.config
    config["training"] |= {"steps": 300, "optimiser": "adam"}
    config["checkpoints"]["linear_every"] = 50
    config["compute"]["state_seconds"] = 0.5
    project.configure(config)
    project.snakemake()
    return project


def under_fire(undisturbed: Project, folder, victims: list[str], seed: int) -> Soak:
    root = folder / "under-fire"
    shutil.copytree(undisturbed.root, root, ignore=shutil.ignore_patterns("results", ".snakemake"))
    soak = Soak(Project(root), seed)
    soak.run(victims)
    results = root / "results" / "tiny"
    expected = undisturbed.root / "results" / "tiny"
    tables, wanted = contents(results), contents(expected)
    assert tables.keys() == wanted.keys()
    for name, table in wanted.items():
        assert tables[name].equals(table), name
    assert checkpoints(results) == checkpoints(expected)
    assert leftovers(results) == []
    assert soak.project.stale() == set()
    return soak


def test_the_stages_under_fire_exist():
    """Jobs are recognised by their stage; under another name none would ever be killed."""
    assert set(STAGES.values()) <= set(stages())


@pytest.mark.slow
@pytest.mark.workflow
def test_a_few_kills(undisturbed, tmp_path):
    soak = under_fire(undisturbed, tmp_path, ["train", EVERYTHING, "evaluate"], seed=1)
    assert soak.kills.total() == 3


@pytest.mark.soak
def test_many_kills(undisturbed, tmp_path):
    kinds = [SNAKEMAKE, EVERYTHING, "train", *STAGES]
    victims = [kinds[i % len(kinds)] for i in range(KILLS)]
    random.Random(0).shuffle(victims)
    soak = under_fire(undisturbed, tmp_path, victims, seed=0)
    print(f"\n{soak.kills.total()} kills survived, {soak.cleanups} times 'make unlock':")
    for (victim, number), count in sorted(soak.kills.items()):
        print(f"  {victim:12s} {number:8s} {count:3d}")
    assert soak.kills.total() >= KILLS
