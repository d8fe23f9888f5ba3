"""Fingerprints follow the code that computes, and nothing else."""

import shutil
import subprocess
import sys

import pytest

from transient_ridge.artefacts import fingerprints as sources


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package that may be edited; fingerprints are taken from it."""
    package = tmp_path / "transient_ridge"
    shutil.copytree(sources.PACKAGE, package)
    monkeypatch.setattr(sources, "PACKAGE", package)
    sources.fingerprint.cache_clear()
    yield package
    sources.fingerprint.cache_clear()


ENTRIES = (
    "training",
    "evaluation",
    "curves",
    "phases",
    "pca",
    "robustness",
    "selection",
    "claims",
    "documentation",
    "explorer",
    "figures.figure1",
)


def fingerprints():
    sources.fingerprint.cache_clear()
    return {entry: sources.fingerprint(entry) for entry in ENTRIES}


def changed_by(edit) -> set[str]:
    before = fingerprints()
    edit()
    after = fingerprints()
    return {entry for entry in ENTRIES if before[entry] != after[entry]}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("optimisation", {"training"}),
        ("transformer", {"training", "evaluation"}),
        ("predictors", {"evaluation"}),
        ("curves", {"curves", "phases", "selection"}),
        ("phases", {"phases", "selection"}),
        ("pca", {"pca", "robustness"}),
        ("selection", {"selection"}),
        ("evidence", {"claims"}),
        ("figures/style", {"explorer", "figures.figure1"}),
        ("figures/pc_pairs", set()),
        ("tables", set()),
        ("progress", set()),
    ],
)
def test_an_edit_makes_exactly_the_stages_stale_that_use_the_code(copy, module, stages):
    path = copy / f"{module}.py"
    assert changed_by(lambda: path.write_text(path.read_text() + "\nEDITED = 1\n")) == stages


def test_comments_docstrings_and_layout_do_not_count(copy):
    path = copy / "optimisation.py"
    text = path.read_text()
    remarked = "# A comment.\n\n" + text.replace('"""Muon: ', '"""This is Muon: ')
    assert remarked.count("This is") == 1
    assert changed_by(lambda: path.write_text(remarked)) == set()
    assert changed_by(path.touch) == set()


def test_the_closure_is_what_python_imports():
    for entry in ENTRIES[:-1]:
        code = (
            f"import sys, transient_ridge.{entry}; print(*(m for m in sys.modules "
            "if m.startswith('transient_ridge.')))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        imported = {name.removeprefix("transient_ridge.") for name in done.stdout.split()}
        # What a carrier imports (`runs`, for a type) and the package that figures are in compute nothing for the stage.
        idle = sources.CARRIERS | {"runs", "figures"}
        assert imported - idle == sources.closure(entry) - idle


def test_carriers_import_nothing_that_computes():
    for module in sources.CARRIERS:
        assert set(sources._imports(module)) <= sources.CARRIERS | {"runs"}


def test_a_page_its_style_and_its_script_count(copy):
    before = sources.assets("explorer")
    for name in ("page.html", "style.css", "script.js"):
        path = copy / "explorer" / name
        path.touch()
        assert sources.assets("explorer") == before
        path.write_text(path.read_text() + "\n")
        assert sources.assets("explorer") != before
        before = sources.assets("explorer")


def test_the_digest_of_one_module_leaves_out_what_it_imports(copy):
    before = sources.module_digest("tables")
    (copy / "storage.py").write_text("EDITED = 1\n")
    assert sources.module_digest("tables") == before
    (copy / "tables.py").write_text((copy / "tables.py").read_text() + "\nEDITED = 1\n")
    assert sources.module_digest("tables") != before
