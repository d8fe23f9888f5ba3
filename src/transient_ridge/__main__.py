"""``python -m transient_ridge <stage>``: runs one job as the workflow does.

Each subcommand reads its stage's settings as JSON, calls one function of the package and writes files. A fault of
the input ends with a message and exit status 1, a stop request with 128 + the signal's number. Two jobs that
write the same files go one after the other.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .artefacts.files import only_writer
from .errors import TransientRidgeError
from .figures.catalogue import CATALOGUE

if TYPE_CHECKING:
    import torch

    from .config.runs import Run

#: Seconds that a job waits for an orphan of a killed Snakemake that still writes the same files.
PATIENCE = 3600.0


def _run_and_settings(arguments: argparse.Namespace) -> tuple["Run", Mapping[str, Any]]:
    from .config.runs import Run

    return Run.parse(arguments.run), arguments.settings


def _device(arguments: argparse.Namespace, precision: str = "float32") -> "torch.device":
    from .model.device import prepare, select_device

    device = select_device(arguments.device)
    prepare(device, precision, arguments.threads)
    return device


def _train(arguments: argparse.Namespace) -> None:
    from .config.runs import Run
    from .training.train import Interrupted, Outputs, train

    outputs = Outputs(arguments.weights, arguments.manifest, arguments.curve)
    try:
        train(
            *_run_and_settings(arguments),
            outputs,
            scratch=arguments.scratch,
            device=_device(arguments, arguments.settings["training"]["precision"]),
            state_seconds=arguments.state_seconds,
            cohort=[Run.parse(name) for name in arguments.cohort],
        )
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)


def _evaluate(arguments: argparse.Namespace) -> None:
    from .analysis.evaluate import evaluate

    evaluate(
        *_run_and_settings(arguments),
        arguments.manifest,
        arguments.weights,
        losses=arguments.losses,
        distances=arguments.distances,
        outputs=arguments.outputs,
        device=_device(arguments),
    )


def _idealised(arguments: argparse.Namespace) -> None:
    from .analysis.evaluate import evaluate_idealised

    evaluate_idealised(arguments.settings, arguments.losses, arguments.distances, arguments.outputs)


def _curves(arguments: argparse.Namespace) -> None:
    from .analysis.curves import describe_curves

    describe_curves(
        arguments.losses, arguments.settings["curves"], arguments.critical_steps, arguments.smoothed
    )


def _pca(arguments: argparse.Namespace) -> None:
    from .analysis.joint_pca import joint_pca

    joint_pca(
        arguments.outputs,
        arguments.idealised,
        arguments.settings,
        trajectories=arguments.trajectories,
        idealised_points=arguments.points,
        variance=arguments.variance,
        loadings=arguments.loadings,
    )


def _llc(arguments: argparse.Namespace) -> None:
    from .llc.llc import estimate_llc

    estimate_llc(
        *_run_and_settings(arguments),
        arguments.steps,
        arguments.manifest,
        arguments.weights,
        estimates=arguments.estimates,
        traces=arguments.traces,
        device=_device(arguments),
    )


def _calibrate(arguments: argparse.Namespace) -> None:
    from .llc.llc_calibration import calibrate

    calibrate(
        *_run_and_settings(arguments),
        arguments.manifest,
        arguments.weights,
        estimates=arguments.estimates,
        traces=arguments.traces,
        device=_device(arguments),
    )


def _collect_calibration(arguments: argparse.Namespace) -> None:
    from .llc.llc_calibration import collect_calibration

    collect_calibration(arguments.sweeps, arguments.output)


def _crosscheck(arguments: argparse.Namespace) -> None:
    from .llc.llc_calibration import crosscheck

    crosscheck(
        *_run_and_settings(arguments),
        arguments.manifest,
        arguments.weights,
        comparison=arguments.comparison,
        device=_device(arguments),
    )


def _join(arguments: argparse.Namespace) -> None:
    from .artefacts.tables import join

    join(arguments.parts, arguments.table, arguments.output)


def _robustness(arguments: argparse.Namespace) -> None:
    from .analysis.pca_robustness import describe_robustness

    describe_robustness(arguments.outputs, arguments.settings, arguments.robustness)


def _phases(arguments: argparse.Namespace) -> None:
    from .analysis.phases import describe_phases

    describe_phases(
        arguments.distances,
        arguments.settings["curves"],
        arguments.relative_distances,
        arguments.thresholds,
    )


def _selection(arguments: argparse.Namespace) -> None:
    from .analysis.selection import describe_selection

    describe_selection(
        _sources(arguments), arguments.settings, arguments.selection, arguments.log_odds
    )


def _claims(arguments: argparse.Namespace) -> None:
    from .scorecard.claims import describe_claims

    describe_claims(
        _sources(arguments), arguments.settings["claims"], arguments.claims, arguments.page
    )


def _explorer(arguments: argparse.Namespace) -> None:
    from .report.explorer import describe_explorer

    describe_explorer(_sources(arguments), arguments.settings, arguments.page)


def _readme(arguments: argparse.Namespace) -> None:
    from .report.tables_page import describe_readme

    describe_readme(
        arguments.preset,
        arguments.variants,
        arguments.of_a_run,
        arguments.of_a_variant,
        arguments.page,
    )


def _report_page(arguments: argparse.Namespace) -> None:
    from .report.tables_page import describe_report_page

    describe_report_page(_sources(arguments), arguments.page)


def _summary(arguments: argparse.Namespace) -> None:
    from .report.summary import summary

    print(summary(arguments.results))


def _status(arguments: argparse.Namespace) -> None:
    from .report.status import describe

    print(describe(arguments.results))


def _figure(arguments: argparse.Namespace) -> None:
    from .figures.drawing.rendering import render

    render(arguments.figure, _sources(arguments), arguments.png, arguments.svg)


def _sources(arguments: argparse.Namespace) -> dict[str, list[Path]]:
    """Table -> files, from pairs TABLE=FILE."""
    sources: dict[str, list[Path]] = {}
    for pair in arguments.tables:
        table, _, path = pair.partition("=")
        sources.setdefault(table, []).append(Path(path))
    return sources


def _provenance(arguments: argparse.Namespace) -> None:
    from .artefacts.trace import describe

    print("\n".join(describe(arguments.artefact)))


def _parser() -> argparse.ArgumentParser:  # noqa: PLR0915 - a line per stage
    parser = argparse.ArgumentParser(prog="transient_ridge", description=__doc__)
    parser.set_defaults(writes=None)
    stages = parser.add_subparsers(dest="stage", required=True)

    def stage(name: str, function: object, *files: str, many: str = "") -> argparse.ArgumentParser:
        sub = stages.add_parser(name)
        sub.set_defaults(function=function, writes=files[-1].replace("-", "_"))
        sub.add_argument(
            "--settings", type=json.loads, required=True, help="the stage's settings, JSON"
        )
        for file in files:
            sub.add_argument(f"--{file}", type=Path, required=True)
        if many:
            sub.add_argument(f"--{many}", type=Path, nargs="+", required=True)
        return sub

    def computes(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--run", required=True, help="e.g. M16-seed0")
        sub.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
        sub.add_argument("--threads", type=int, default=os.cpu_count())
        return sub

    def reads_tables(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--tables", nargs="+", required=True, metavar="TABLE=FILE")
        return sub

    train = computes(stage("train", _train, "weights", "manifest", "curve", "scratch"))
    train.add_argument("--state-seconds", type=float, default=30.0)
    train.add_argument("--cohort", nargs="*", default=[], metavar="RUN", help="runs to train along")
    train.set_defaults(writes=None)  # it has a lock of its own, and takes the run over
    files = ("manifest", "weights", "losses", "distances", "outputs")
    computes(stage("evaluate", _evaluate, *files))
    stage("idealised", _idealised, "losses", "distances", "outputs")
    stage("curves", _curves, "critical-steps", "smoothed", many="losses")
    stage(
        "pca", _pca, "idealised", "trajectories", "points", "variance", "loadings", many="outputs"
    )
    sampled = ("manifest", "weights", "estimates", "traces")
    llc = computes(stage("llc", _llc, *sampled))
    llc.add_argument("--steps", type=int, nargs="+", required=True)
    computes(stage("llc-calibrate", _calibrate, *sampled))
    computes(stage("llc-crosscheck", _crosscheck, "manifest", "weights", "comparison"))
    calibration = stages.add_parser("llc-recommend")
    calibration.set_defaults(function=_collect_calibration, writes="output")
    calibration.add_argument("--sweeps", type=Path, nargs="+", required=True)
    calibration.add_argument("--output", type=Path, required=True)
    joined = stages.add_parser("join")
    joined.set_defaults(function=_join, writes="output")
    joined.add_argument("table", choices=["llc", "llc_traces", "llc_crosscheck"])
    joined.add_argument("--parts", type=Path, nargs="+", required=True)
    joined.add_argument("--output", type=Path, required=True)
    stage("pca-robustness", _robustness, "robustness", many="outputs")
    stage("phases", _phases, "relative-distances", "thresholds", many="distances")
    reads_tables(stage("selection", _selection, "selection", "log-odds"))
    reads_tables(stage("claims", _claims, "claims", "page"))
    reads_tables(stage("explorer", _explorer, "page"))
    page = reads_tables(stages.add_parser("report-page"))
    page.set_defaults(function=_report_page, writes="page")
    page.add_argument("--page", type=Path, required=True)
    readme = stages.add_parser("readme")
    readme.set_defaults(function=_readme, writes="page")
    readme.add_argument("--preset", required=True)
    for names in ("variants", "of-a-run", "of-a-variant"):
        readme.add_argument(f"--{names}", nargs="+", required=True)
    readme.add_argument("--page", type=Path, required=True)
    end = stages.add_parser("summary", help="print the scorecard of a results folder")
    end.set_defaults(function=_summary)
    end.add_argument("results", type=Path)
    now = stages.add_parser("status", help="how far the Snakemake at work in a results folder is")
    now.set_defaults(function=_status)
    now.add_argument("results", type=Path)
    figure = reads_tables(stages.add_parser("figure"))
    figure.set_defaults(function=_figure, writes="png")
    figure.add_argument("figure", choices=sorted(CATALOGUE))
    figure.add_argument("--png", type=Path, required=True)
    figure.add_argument("--svg", type=Path, required=True)
    origin = stages.add_parser(
        "provenance", help="what a figure, table or manifest came from, back to the settings"
    )
    origin.set_defaults(function=_provenance, writes=None)
    origin.add_argument("artefact", type=Path)
    return parser


def _alone(arguments: argparse.Namespace) -> AbstractContextManager[object]:
    """Hold the lock of the files that the stage writes, which lies beside one of them."""
    if arguments.writes is None:
        return nullcontext()
    output: Path = getattr(arguments, arguments.writes)
    return only_writer(output.with_name(f".{output.name}.lock"), PATIENCE)


def main() -> None:
    """Run the stage named on the command line."""
    arguments = _parser().parse_args()
    try:
        with _alone(arguments):
            arguments.function(arguments)
    except TransientRidgeError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
