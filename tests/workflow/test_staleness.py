"""Change X: exactly these jobs run again."""

import os
import re
import shutil
import time

import pytest

from tests.workflow.conftest import NOTHING_TO_SHOW
from transient_ridge.artefacts.catalogue import catalogue
from transient_ridge.stage import load

pytestmark = pytest.mark.workflow

RUNS = {"M1-seed0", "M4-seed0"}
FIGURES = {
    f"figure:{name}"
    for name, entry in catalogue().items()
    if not entry.on_request and not entry.of_preset and name not in NOTHING_TO_SHOW
}
CONFIG = {"resolved_config"}


#: Pages, and the tables that each of them shows.
PAGES = {page: load(f"report.{page}").tables for page in ("explorer", "tables_page")}


def of(rule: str, runs=RUNS) -> set[str]:
    return {f"{rule}:{run}" for run in runs}


def reading(*tables: str) -> set[str]:
    figures = catalogue().items()
    drawn = {f"figure:{name}" for name, entry in figures if set(entry.tables) & set(tables)}
    return FIGURES & drawn | {name for name, shown in PAGES.items() if set(shown) & set(tables)}


def sampled(runs=RUNS, chunks=(0, 2)) -> set[str]:
    """LLC jobs, and the job that joins their tables."""
    return {f"llc:{run}:{chunk}" for run in runs for chunk in chunks} | {"join_llc"}


#: Stages between the measurements and the figures -> the tables that each of them makes.
MAKES = {
    "curves": ("critical_steps", "smoothed_losses"),
    "joint_pca": (
        "pca_trajectories",
        "pca_idealised",
        "pca_softened",
        "pca_variance",
        "pca_loadings",
    ),
    "pca_robustness": ("pca_robustness",),
    "phases": ("relative_distances", "thresholds"),
    "gates": ("gates", "strategies"),
    "softened": ("softened_dmmse", "softened_outputs"),
    "selection": ("selection", "log_odds"),
    "selection_by_resolution": ("selection_by_resolution",),
    "claims": ("claims", "claim_values"),
    "claims_by_resolution": ("claims_by_resolution",),
    "accounts": ("accounts", "account_points"),
}
#: The stages about the LLC along the resolution.
ALONG_R = ("selection_by_resolution", "claims_by_resolution", "accounts")


def after(*stages: str) -> set[str]:
    """These stages and the figures that read their outputs."""
    return set(stages) | reading(*(table for stage in stages for table in MAKES[stage]))


#: What reads runs; the softened dMMSE_M is about the data and the evaluation sets.
ALL_AGGREGATES = (set(MAKES) - {"softened"}) | set(PAGES) | FIGURES
AFTER_LLC = after("selection", "claims") | reading("llc", "llc_traces")
AFTER_SPECTRUM = after("claims", *ALONG_R) | reading("quadratic_llc")
# Figures that read no evaluation.
UNEVALUATED = {"figure:training_curves", "figure:llc_diagnostics", "figure:llc_traces"}


def test_nothing_is_stale_after_a_run(project):
    assert project.stale() == set()
    assert "Nothing to be done" in project.snakemake().stdout


CHANGES = {
    "add an M": (
        {"grid": {"task_diversities": [1, 4, "inf"]}},
        of("train", {"Minf-seed0"}) | of("evaluate", {"Minf-seed0"}) | of("ridge_on_tasks") | of("llc_on_tasks")
        | of("spectrum", {"Minf-seed0"}) | of("spectrum_on_tasks") | {"idealised", "softened"}
        | sampled({"Minf-seed0"}) | ALL_AGGREGATES,
    ),
    "add a seed": (
        {"grid": {"seeds": [0, 1]}},
        of("train", {"M1-seed1", "M4-seed1"}) | of("evaluate", {"M1-seed1", "M4-seed1"})
        | of("spectrum", {"M1-seed1", "M4-seed1"})
        | sampled({"M1-seed1", "M4-seed1"}) | ALL_AGGREGATES,
    ),
    "drop an M": ({"grid": {"task_diversities": [4]}}, {"idealised", "softened"} | sampled(set()) | ALL_AGGREGATES),
    "the PCA's B": (
        {"pca": {"sequences": 8}},
        after("joint_pca", "claims"),
    ),
    "the B of the robustness checks": (
        {"pca_robustness": {"sequences": [2, 8]}},
        after("pca_robustness", "claims"),
    ),
    "smoothing": (
        {"curves": {"smoothing_width": 0.5}},
        after("curves", "phases", "selection", "claims", *ALONG_R),
    ),
    "a threshold of the scorecard": (
        {"claims": {"transience": 0.3}},
        after("claims", "claims_by_resolution"),
    ),
    "what is dMMSE-like": (
        {"claims": {"dmmse_like": 0.8}},
        after("selection", "claims", *ALONG_R),
    ),
    "an evaluation set": (
        {"evaluation": {"sequences": 100}},
        of("evaluate") | {"idealised", "softened"} | (ALL_AGGREGATES - UNEVALUATED),
    ),
    "training length": (
        {"training": {"steps": 80}},
        of("train") | of("evaluate") | of("spectrum") | sampled(chunks=(0, 2)) | ALL_AGGREGATES,
    ),
    "SGLD's eps": ({"llc": {"epsilon": 0.03}}, sampled() | AFTER_LLC),
    "another resolution": ({"spectrum": {"resolutions": [5, 0.5]}}, of("spectrum") | AFTER_SPECTRUM),
    "the ladder, which is made on request": ({"llc_ladder": {"n_betas": [7]}}, set()),
    "an LLC step in a chunk of its own": ({"llc": {"steps": [0, 20, 60]}}, sampled(chunks=[1]) | AFTER_LLC),
    "an LLC step in another's chunk": ({"llc": {"steps": [0, 1, 60]}}, sampled(chunks=[0]) | AFTER_LLC),
    "the sweep, which is made on request": ({"llc_calibration": {"gammas": [7]}}, set()),
    "the device": ({"compute": {"device": "cpu"}}, set()),
    "how many runs are stacked": ({"compute": {"stack": 2}}, set()),
    "how often the state is saved": ({"compute": {"state_seconds": 5}}, set()),
    "a variant": ({"variants": {"base": {}, "deep": {"model": {"layers": 3}}}}, None),
}  # fmt: skip


def some(cases, often):
    """All ``cases``; only `make test-all` runs those not among ``often``."""
    assert set(often) <= set(cases)
    return [case if case in often else pytest.param(case, marks=pytest.mark.slow) for case in cases]


@pytest.mark.parametrize(
    "name",
    some(
        CHANGES,
        [
            "add an M",
            "the PCA's B",
            "SGLD's eps",
            "an LLC step in a chunk of its own",
            "another resolution",
        ],
    ),
)
def test_a_changed_parameter(project, name):
    change, expected = CHANGES[name]
    config = project.config
    for section, values in change.items():
        config[section] |= values
    project.configure(config)
    if expected is None:  # only the new variant's own jobs
        plan = project.snakemake("-n").stdout
        assert "variant=deep" in plan
        assert "variant=base" not in plan
    else:
        assert project.stale() == expected | CONFIG


TRAINED_ANEW = of("train") | of("evaluate") | of("spectrum") | sampled() | ALL_AGGREGATES
#: Drawn with the phase diagram's colours, whose module uses that of the phases.
LIKE_THE_DIAGRAM = FIGURES & {"figure:in_weight_gate"}
CODE = {
    "figures/pca/pc_pairs.py": {"figure:pc_pairs"},
    "figures/drawing/style.py": FIGURES | {"explorer"},
    "analysis/joint_pca.py": after("joint_pca", "pca_robustness", "claims"),
    "analysis/curves.py": after("curves", "phases", "selection", "claims", *ALONG_R)
    | LIKE_THE_DIAGRAM,
    "analysis/phases.py": after("phases", "selection", "claims", *ALONG_R) | LIKE_THE_DIAGRAM,
    "analysis/model_selection/selection.py": after("selection", "claims", *ALONG_R),
    "scorecard/statements/transience.py": after("claims", *ALONG_R),
    "regression/predictors/dmmse.py": of("evaluate")
    | {"idealised", "softened"}
    | (ALL_AGGREGATES - UNEVALUATED),
    "training/optimisers/muon.py": TRAINED_ANEW,
    "training/schedules/wsd.py": TRAINED_ANEW,
    "training/schedules/one_cycle.py": set(),  # not chosen
    "llc/chains.py": sampled() | AFTER_LLC,
    "llc/samplers/leimkuhler_matthews.py": sampled() | AFTER_LLC,
    "llc/samplers/underdamped.py": set(),  # not chosen
    "llc/posterior.py": sampled() | AFTER_LLC,
    "config/relaxation.py": sampled() | AFTER_LLC,  # decides which burn-in is long enough
    "llc/curvature/at_checkpoint.py": of("spectrum") | AFTER_SPECTRUM,
    "llc/stages/calibration.py": set(),
    "config/sizing.py": set(),
}


@pytest.mark.parametrize(
    "module",
    some(
        CODE,
        ["analysis/curves.py", "training/schedules/one_cycle.py", "regression/predictors/dmmse.py"],
    ),
)
def test_an_edited_module(project, module):
    path = project.root / "src" / "transient_ridge" / module
    path.write_text(path.read_text() + "\nEDITED = True\n")
    assert project.stale() == CODE[module]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "stage"), [("analysis/evaluate", "evaluate"), ("training/optimisation", "train")]
)
def test_a_refactoring_that_changes_no_number_makes_nothing_below_it_stale(project, module, stage):
    path = project.root / f"src/transient_ridge/{module}.py"
    path.write_text(path.read_text() + "\nREFACTORED = True\n")
    assert project.stale(f"{stage}_all") == of(stage) | {f"{stage}_all"}
    project.snakemake(f"{stage}_all")
    assert project.stale() == set()


def test_a_predictors_marker_makes_the_figures_that_show_it_stale(project):
    path = project.root / "src/transient_ridge/regression/predictors/dmmse.py"
    path.write_text(path.read_text().replace('MARKER = "', 'MARKER = "x'))
    assert project.stale() == FIGURES | {"explorer"}


def test_touching_files_and_editing_comments_makes_nothing_stale(project):
    everything = (path for path in project.root.rglob("*") if path.is_file())
    files = [path for path in everything if ".snakemake" not in path.parts]
    # The oldest file becomes the newest, so that every input is newer than the outputs made from it.
    files.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for later, path in enumerate(files):
        os.utime(path, (time.time() + later / 1000,) * 2)
    module = project.root / "src/transient_ridge/training/optimisation.py"
    module.write_text("# A remark.\n" + module.read_text())
    assert project.stale() == set()


@pytest.mark.slow
@pytest.mark.parametrize("file", ["environment.yml", "requirements.lock"])
def test_an_upgraded_package_makes_nothing_stale_and_is_reported(project, file):
    """Most upgrades change no number and training takes long, so `provenance` names versions that differ."""
    path = project.root / file
    stated = path.read_text()
    upgraded = re.sub(r"(numpy ?[=>]=)\S+", r"\g<1>99", stated)
    assert upgraded != stated
    path.write_text(upgraded)
    assert project.stale() == set()


def test_a_new_entry_of_a_registry_makes_nothing_stale(project):
    package = project.root / "src" / "transient_ridge"
    for folder in ("training/schedules", "regression/predictors", "regression/families"):
        entry = next(package.joinpath(folder).glob("[!_]*.py"))
        entry.with_stem("another").write_text(entry.read_text())
    assert project.stale() == set()


@pytest.mark.slow
def test_a_deleted_table(project):
    (project.root / "results/tiny/base/runs/M4-seed0/losses.parquet").unlink()
    assert "evaluate:M4-seed0" in project.stale()
    assert not any(job.startswith("train") for job in project.stale())


def test_a_deleted_chunk(project):
    """A killed LLC job leaves this behind: its outputs are gone, but the joined table remains."""
    for table in ("llc", "llc_traces"):
        (project.root / f"results/tiny/base/runs/M4-seed0/{table}/0.parquet").unlink()
    stale = project.stale()
    assert "llc:M4-seed0:0" in stale
    assert not {job for job in stale if job.startswith(("train", "evaluate"))}
    assert {job for job in stale if job.startswith("llc:")} == {"llc:M4-seed0:0"}


@pytest.mark.slow
def test_deleted_weights(project):
    shutil.rmtree(project.root / "results/tiny/base/runs/M4-seed0/checkpoints")
    assert project.stale() == set()  # everything measured is still there
    assert "train:M4-seed0" in project.stale("--forcerun", "evaluate")
