"""``python -m transient_ridge <stage>``: runs one job as the workflow does.

Each subcommand reads its stage's settings as JSON, calls one function of the package and writes files. A fault of
the input ends with a message and exit status 1, a stop request with 128 + the signal's number. Two jobs that
write the same files go one after the other.
"""

import argparse
import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from .errors import TransientRidgeError
from .figures.catalogue import CATALOGUE
from .storage import only_writer

#: Seconds that a job waits for an orphan of a killed Snakemake that still writes the same files.
PATIENCE = 3600.0


def _train(arguments: argparse.Namespace) -> None:
    from .compute import prepare, select_device
    from .runs import Run
    from .training import Interrupted, Outputs, train

    device = select_device(arguments.device)
    prepare(device, arguments.settings["training"]["precision"], arguments.threads)
    outputs = Outputs(arguments.weights, arguments.manifest, arguments.curve)
    try:
        train(
            Run.parse(arguments.run),
            arguments.settings,
            outputs,
            scratch=arguments.scratch,
            device=device,
            state_seconds=arguments.state_seconds,
        )
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)


def _evaluate(arguments: argparse.Namespace) -> None:
    from .compute import prepare, select_device
    from .evaluation import evaluate
    from .runs import Run

    device = select_device(arguments.device)
    prepare(device, "float32", arguments.threads)
    evaluate(
        Run.parse(arguments.run),
        arguments.settings,
        arguments.manifest,
        arguments.weights,
        losses=arguments.losses,
        distances=arguments.distances,
        outputs=arguments.outputs,
        device=device,
    )


def _idealised(arguments: argparse.Namespace) -> None:
    from .evaluation import evaluate_idealised

    evaluate_idealised(arguments.settings, arguments.losses, arguments.distances, arguments.outputs)


def _curves(arguments: argparse.Namespace) -> None:
    from .curves import describe_curves

    describe_curves(
        arguments.losses, arguments.settings["curves"], arguments.critical_steps, arguments.smoothed
    )


def _pca(arguments: argparse.Namespace) -> None:
    from .pca import joint_pca

    joint_pca(
        arguments.outputs,
        arguments.idealised,
        arguments.settings,
        trajectories=arguments.trajectories,
        idealised_points=arguments.points,
        variance=arguments.variance,
        loadings=arguments.loadings,
    )


def _figure(arguments: argparse.Namespace) -> None:
    from .figures.rendering import render

    sources: dict[str, list[Path]] = {}
    for pair in arguments.tables:
        table, _, path = pair.partition("=")
        sources.setdefault(table, []).append(Path(path))
    render(arguments.figure, sources, arguments.png, arguments.svg)


def _provenance(arguments: argparse.Namespace) -> None:
    from .lineage import describe

    print("\n".join(describe(arguments.artefact)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="transient_ridge", description=__doc__)
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

    train = computes(stage("train", _train, "weights", "manifest", "curve", "scratch"))
    train.add_argument("--state-seconds", type=float, default=30.0)
    train.set_defaults(writes=None)  # it has a lock of its own, and takes the run over
    files = ("manifest", "weights", "losses", "distances", "outputs")
    computes(stage("evaluate", _evaluate, *files))
    stage("idealised", _idealised, "losses", "distances", "outputs")
    stage("curves", _curves, "critical-steps", "smoothed", many="losses")
    stage(
        "pca", _pca, "idealised", "trajectories", "points", "variance", "loadings", many="outputs"
    )
    figure = stages.add_parser("figure")
    figure.set_defaults(function=_figure, writes="png")
    figure.add_argument("figure", choices=sorted(CATALOGUE))
    figure.add_argument("--tables", nargs="+", required=True, metavar="TABLE=FILE")
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
