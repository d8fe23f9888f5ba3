"""Fingerprints follow the code that computes, and only that code."""

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from transient_ridge import places
from transient_ridge.artefacts import fingerprints as code


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package that may be edited; fingerprints are taken from it."""
    package = tmp_path / "transient_ridge"
    shutil.copytree(code.PACKAGE, package)
    monkeypatch.setattr(places, "PACKAGE", package)
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
    "analysis.model_selection.selection",
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
            {
                "analysis.curves",
                "analysis.phases",
                "analysis.model_selection.selection",
                "scorecard.claims",
            },
        ),
        (
            "analysis/phases",
            {"analysis.phases", "analysis.model_selection.selection", "scorecard.claims"},
        ),
        ("analysis/joint_pca", {"analysis.joint_pca", "analysis.pca_robustness"}),
        ("analysis/trajectory_distance", {"analysis.pca_robustness", "scorecard.claims"}),
        (
            "analysis/model_selection/selection",
            {"analysis.model_selection.selection", "scorecard.claims"},
        ),
        ("scorecard/measurements", {"scorecard.claims"}),
        ("figures/drawing/style", {"report.explorer", "figures.curves.figure1"}),
        ("figures/pca/pc_pairs", set()),
        ("artefacts/tables", set()),
        ("progress", set()),
    ],
)
def test_an_edit_makes_exactly_the_stages_that_use_the_code_stale(copy, module, stages):
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


def test_the_text_of_a_statement_counts(copy):
    path = copy / "scorecard" / "statements" / "fit.py"
    edited = path.read_text().replace("Measured: ", "Measured: the ", 1)
    assert changed_by(lambda: path.write_text(edited)) == {"scorecard.claims"}


def test_the_style_of_figures_counts(copy):
    path = copy / "figures" / "drawing" / "paper.mplstyle"
    edited = path.read_text() + "lines.markersize: 3\n"
    assert "figures.curves.figure1" in changed_by(lambda: path.write_text(edited))


CONSTRUCTS = Path(__file__).with_name("constructs.txt")
#: SHA-256 of the canonical form of the constructs, the same under Python 3.11, 3.12 and 3.13.
EXPECTED = "7591e54d27394450"
HASHED = """
import ast, hashlib, importlib.util, sys
spec = importlib.util.spec_from_file_location("fingerprints", sys.argv[1])
code = sys.modules["fingerprints"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(code)
tree = ast.parse(open(sys.argv[2], encoding="utf-8").read())
print(hashlib.sha256(code.canonical(tree).encode()).hexdigest()[:16])
"""


@pytest.mark.parametrize("python", [sys.executable, "python3.11", "python3.12", "python3.13"])
def test_every_python_gives_the_same_fingerprint(python):
    try:
        done = subprocess.run(
            [python, "-c", HASHED, code.__file__, str(CONSTRUCTS)],
            capture_output=True,
            text=True,
            check=True,
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        pytest.skip(f"{python} does not run here: {error}")
    assert done.stdout.strip() == EXPECTED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = None", "x = 0"),
        ("return_ = f(None)", "return_ = f()"),
        ("x = '1'", "x = 1"),
        ("x = -1", "x = 1"),
        ("f'{x}a'", "f'{x}b'"),
        ("f'{x!r}'", "f'{x!s}'"),
        ("def f(a, *, b): 0", "def f(a, b): 0"),
        ("def f(a=None): 0", "def f(a): 0"),
        ("async def f(): 0", "def f(): 0"),
        ("x[1:]", "x[:1]"),
        ("x: int", "x: int = None"),
        ("match x:\n  case None: 0", "match x:\n  case False: 0"),
        ("lambda *, a=None, b: 0", "lambda *, a, b=None: 0"),
        ("{**a}", "{a: a}"),
    ],
)
def test_different_code_has_a_different_canonical_form(one, other):
    assert code.canonical(ast.parse(one)) != code.canonical(ast.parse(other))


@pytest.mark.parametrize(
    "statement",
    [
        "import transient_ridge.analysis.curves",
        "import transient_ridge.analysis.curves as curves",
        "from transient_ridge.analysis.curves import smooth",
        "from transient_ridge.analysis import curves",
        "from ..analysis import curves",
    ],
)
def test_every_way_to_import_is_followed(copy, statement):
    path = copy / "scorecard" / "page.py"
    path.write_text(f"{path.read_text()}\n{statement}\n")
    assert "analysis.curves" in code.closure(["scorecard.page"])


def test_nothing_computes_with_names_and_markers():
    """Figures read them from the source of an entry; code that used them would not become stale with them."""
    for path in code.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert not code.SHOWN & {alias.name for alias in node.names}, path
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", None)
            assert name not in code.SHOWN or isinstance(node.ctx, ast.Store), path


def test_names_and_markers_count_where_they_are_shown(copy):
    predictor = "regression.predictors.dmmse"
    path = copy / "regression" / "predictors" / "dmmse.py"

    def prints():
        code.fingerprint.cache_clear()
        return (
            code.fingerprint("analysis.evaluate", predictor, shown=(predictor,)),
            code.fingerprint("figures.curves.figure1", shown=(predictor,)),
            code.fingerprint("figures.curves.figure1"),
        )

    before = prints()
    path.write_text(path.read_text().replace('MARKER = "', 'MARKER = "not '))
    evaluated, drawn, without = prints()
    assert evaluated == before[0]
    assert drawn != before[1]
    assert without == before[2]
    path.write_text(path.read_text() + "\nEDITED = 1\n")
    assert prints()[0] != evaluated
    assert prints()[1] == drawn


def test_only_the_chosen_entry_counts(copy):
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
        # Packages hold only a docstring, and excluded modules may import others that compute nothing for the stage.
        idle = code.EXCLUDED | {name for name in imported if only_docstring(name)}
        idle |= {"config.runs", "config.limits", "config.grid"}
        # Parts of extensions are loaded by name: their tables are declarations, and rules name their statements.
        added = {name for name in imported if name.startswith("extensions.")}
        idle |= {name for name in added if name.endswith(".tables")}
        stated = {name for name in added if name.endswith(".statements")}
        assert imported - idle == code.closure([stage, *stated]) - idle, stage


def only_docstring(module):
    return code._module(module).code == code._module("config").code


def test_code_that_interprets_settings_counts_where_it_is_used(copy):
    """Settings are compared as params, so their module is excluded; what computes with them is not."""
    tree = ast.parse((copy / "config" / "settings.py").read_text())
    arithmetic = (ast.Mult, ast.Div, ast.FloorDiv, ast.Pow, ast.Sub, ast.Mod)
    found = [node for node in ast.walk(tree) if isinstance(getattr(node, "op", None), arithmetic)]
    assert found == []
    for name in ("relaxation", "architecture"):
        code.fingerprint.cache_clear()
        before = code.fingerprint("llc.stages.llc")
        path = copy / "config" / f"{name}.py"
        path.write_text(path.read_text() + "\nEDITED = 1\n")
        code.fingerprint.cache_clear()
        assert code.fingerprint("llc.stages.llc") != before, name


def test_excluded_modules_import_nothing_that_computes():
    for module in code.EXCLUDED:
        allowed = code.EXCLUDED | {"config", "config.grid", "config.runs"}
        assert set(code._module(module).imports) <= allowed, module


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
