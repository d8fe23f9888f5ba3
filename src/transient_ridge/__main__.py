"""``python -m transient_ridge STAGE``: run one job as the workflow does, or ask about results.

A stage is named after its module, such as ``analysis.phases``; `STAGE --help` explains what it computes, reads and
writes. The runner reads the stage's tables, locks and writes its outputs, and records their provenance. Faulty input
ends it with a message and exit status 1, a request to stop with 128 + the number of the signal.
"""

import argparse
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

from . import environment
from .artefacts import tables
from .artefacts.locks import only_writer
from .artefacts.provenance import collect
from .errors import Interrupted, TransientRidgeError
from .report.commands import COMMANDS
from .stage import Stage, check, is_stage, load, named, stages

#: Seconds to wait for the orphan of a killed Snakemake that is still writing the same files.
PATIENCE = 3600.0


def run(name: str, options: argparse.Namespace) -> None:
    """Run the stage ``name`` on the files and settings of the command line."""
    stage, inputs, outputs = load(name), named(options.inputs), named(options.outputs)
    check(stage, inputs, outputs, name)
    values = {each: _read(paths, each, stage) for each, paths in inputs.items()}
    context = vars(options) | {"targets": {each: paths[0] for each, paths in outputs.items()}}
    extra: dict[str, Any] = {"run": options.run} if options.run else {}
    if options.run:
        from .config.runs import Run

        context["run"] = Run.parse(options.run)
    if "device" in stage.parameters:
        from .model.device import device_name, prepare, select_device

        context["device"] = select_device(options.device)
        prepare(context["device"], "float32", options.threads)
        extra["device"] = device_name(context["device"])
    if stage.settings:
        from .config.asked import values as typed

        context |= typed(stage.settings, options.settings)
    context["frames"] = {each: values.pop(each) for each in stage.tables}
    values |= {each: context[each] for each in stage.parameters if each not in stage.reads}
    if stage.by_itself:
        stage.compute(**values)
        return
    first = context["targets"][stage.writes[0]]
    with only_writer(first.with_name(f".{first.name}.lock"), PATIENCE):
        made = stage.compute(**values)
        made = made if isinstance(made, tuple) else (made,)
        files = [path for paths in inputs.values() for path in paths if path.is_file()]
        record = collect(options.settings, inputs=files, **extra)
        for each, artefact in zip(stage.writes, made, strict=True):
            artefact.save(context["targets"][each], record)


def _read(paths: list[Path], name: str, stage: Stage) -> Any:
    one_by_one = stage.one_by_one(name)
    if not all(path.suffix == ".parquet" for path in paths):
        return paths if one_by_one else paths[0]
    if stage.across:
        return tables.read_across(paths, name)
    return [tables.read(p, name) for p in paths] if one_by_one else tables.read_all(paths, name)


def parser(name: str) -> argparse.ArgumentParser:
    """The command line of a stage; its help says what the stage computes, reads and writes."""
    about = "Run one stage on files."
    if is_stage(name):
        stage = load(name)
        about = inspect.cleandoc(stage.compute.__doc__ or "")
        about += f"\n\nreads:  {', '.join(stage.reads) or '-'}\nwrites: {', '.join(stage.writes)}"
    found = argparse.ArgumentParser(
        f"transient_ridge {name}", description=about, formatter_class=argparse.RawTextHelpFormatter
    )
    add = found.add_argument
    add("--inputs", nargs="*", default=[], metavar="NAME=FILE", help="files to read, by name")
    add(
        "--outputs",
        nargs="+",
        default=[],
        metavar="NAME=FILE",
        help="files to write, by name",
    )
    add("--settings", type=json.loads, default={}, help="its part of the configuration, as JSON")
    add("--run", help="the run, such as M16-seed0")
    add("--steps", type=int, nargs="*", default=[], help="the checkpoints")
    add("--device", default="auto", choices=["auto", "cpu", "cuda"])
    add("--threads", type=int, default=os.cpu_count())
    add("--scratch", type=Path, help="folder for the saved state of a training run")
    add("--state-seconds", type=float, default=30.0, help="time between two saves of that state")
    add("--cohort", nargs="*", default=[], metavar="RUN", help="runs to train in the same stack")
    return found


def main() -> None:
    """Run the stage or command named on the command line."""
    name, *rest = sys.argv[1:] or ["--help"]
    try:
        environment.settle(os.environ)
        if name in ("-h", "--help"):
            lines = [f"  {each:<28} {command.summary}" for each, command in COMMANDS.items()]
            print("\n".join([__doc__ or "", *lines, "", "stages:", *(f"  {s}" for s in stages())]))
        elif name in COMMANDS:
            COMMANDS[name](rest)
        else:
            run(name, parser(name).parse_args(rest))
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)
    except BrokenPipeError:  # as after `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except TransientRidgeError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
