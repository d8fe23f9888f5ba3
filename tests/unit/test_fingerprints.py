"""Fingerprints follow the code that computes, and nothing else."""

import json
import shutil
import subprocess
import sys

import pytest

from transient_ridge.artefacts import fingerprints as code


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package that may be edited; fingerprints are taken from it."""
    package = tmp_path / "transient_ridge"
    shutil.copytree(code.PACKAGE, package)
    monkeypatch.setattr(code, "PACKAGE", package)
    code.fingerprint.cache_clear()
    yield package
    code.fingerprint.cache_clear()


STAGES = (
    "training.train",
    "analysis.evaluate",
    "analysis.curves",
    "analysis.phases",
    "analysis.joint_pca",
    "analysis.pca_robustness",
    "analysis.selection",
    "scorecard.claims",
    "report.tables_page",
    "report.explorer",
    "figures.curves.figure1",
)


def fingerprints():
    code.fingerprint.cache_clear()
    return {entry: code.fingerprint(entry) for entry in STAGES}


def changed_by(edit) -> set[str]:
    before = fingerprints()
    edit()
    after = fingerprints()
    return {entry for entry in STAGES if before[entry] != after[entry]}


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("training/optimisation", {"training.train"}),
        ("model/transformer", {"training.train", "analysis.evaluate"}),
        ("training/schedules/wsd", set()),  # a registry's entry counts where it is chosen
        ("analysis/evaluation_sets", {"analysis.evaluate"}),
        (
            "analysis/curves",
            {"analysis.curves", "analysis.phases", "analysis.selection", "scorecard.claims"},
        ),
        ("analysis/phases", {"analysis.phases", "analysis.selection", "scorecard.claims"}),
        ("analysis/joint_pca", {"analysis.joint_pca", "analysis.pca_robustness"}),
        ("analysis/selection", {"analysis.selection", "scorecard.claims"}),
        ("scorecard/measurements", {"scorecard.claims"}),
        ("figures/drawing/style", {"report.explorer", "figures.curves.figure1"}),
        ("figures/pca/pc_pairs", set()),
        ("artefacts/tables", set()),
        ("progress", set()),
    ],
)
def test_an_edit_makes_exactly_the_stages_stale_that_use_the_code(copy, module, stages):
    path = copy / f"{module}.py"
    assert changed_by(lambda: path.write_text(path.read_text() + "\nEDITED = 1\n")) == stages


def test_comments_docstrings_and_layout_do_not_count(copy):
    path = copy / "training" / "optimisers" / "muon.py"
    text = path.read_text()
    remarked = "# A comment.\n\n" + text.replace('"""Muon: ', '"""This is Muon: ')
    assert remarked.count("This is") == 1
    module = "training.optimisers.muon"
    before = code.fingerprint(module)
    path.write_text(remarked)
    code.fingerprint.cache_clear()
    assert code.fingerprint(module) == before
    path.write_text(text + "\nEDITED = 1\n")
    code.fingerprint.cache_clear()
    assert code.fingerprint(module) != before


def test_the_entry_that_is_chosen_counts(copy):
    def chosen():
        code.fingerprint.cache_clear()
        return code.fingerprint("training.train", "training.schedules.linear")

    before = chosen()
    for name, counts in (("wsd", False), ("linear", True), ("warmup", True)):
        path = copy / "training" / "schedules" / f"{name}.py"
        path.write_text(path.read_text() + "\nEDITED = 1\n")
        assert (chosen() != before) == counts, name  # `linear` uses `warmup`
        before = chosen()


IMPORTED = """
import json, os, sys, warnings
warnings.simplefilter("ignore")
import matplotlib.figure, pandas, plotly, scipy.stats, sklearn.decomposition, torch  # once, for all
for stage in sys.argv[1:]:
    sys.stdout.flush()
    child = os.fork()
    if not child:
        __import__(f"transient_ridge.{stage}")
        mine = [m for m in sys.modules if m.startswith("transient_ridge.")]
        print(json.dumps([stage, mine]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_the_closure_is_what_python_imports():
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED, *STAGES], capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [stage for stage, _ in found] == list(STAGES)
    for stage, modules in found:
        imported = {name.removeprefix("transient_ridge.") for name in modules}
        # Packages hold no code but their docstring; what is excluded may import what computes nothing for the stage.
        idle = code.EXCLUDED | {name for name in imported if docstring_alone(name)}
        idle |= {"config.runs", "config.limits", "config.configuration", "config.schedule"}
        assert imported - idle == code.closure([stage]) - idle, stage


def docstring_alone(module):
    return code._module(module).code == code._module("config").code


def test_what_is_excluded_imports_nothing_that_computes():
    for module in code.EXCLUDED:
        assert set(code._module(module).imports) <= code.EXCLUDED | {"config.runs", "config"}, (
            module
        )


def test_a_page_its_style_and_its_script_count(copy):
    def explorer():
        code.fingerprint.cache_clear()
        return code.fingerprint("report.explorer")

    before = explorer()
    for name in ("page.html", "style.css", "script.js"):
        path = copy / "report" / "explorer" / name
        path.touch()
        assert explorer() == before
        path.write_text(path.read_text() + "\n")
        assert explorer() != before
        before = explorer()


def test_an_excluded_module_counts_where_it_is_named(copy):
    def described():
        code.fingerprint.cache_clear()
        return code.fingerprint("report.tables_readme", "artefacts.schemas")

    before = described()
    (copy / "artefacts" / "files.py").write_text("EDITED = 1\n")
    assert described() == before
    path = copy / "artefacts" / "schemas.py"
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    assert described() != before
