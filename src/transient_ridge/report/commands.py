"""Commands about results: `python -m transient_ridge COMMAND ...`."""

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A function whose docstring is its help: its path parameters are arguments, its boolean parameters flags."""

    act: Callable[..., None]

    @property
    def name(self) -> str:
        """The name on the command line."""
        return self.act.__name__.replace("_", "-")

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return (self.act.__doc__ or "").split("\n")[0]

    def __call__(self, words: Sequence[str]) -> None:
        """Run on the words of the command line."""
        parser = argparse.ArgumentParser(
            f"transient_ridge {self.name}", description=inspect.cleandoc(self.act.__doc__ or ""),
            formatter_class=argparse.RawTextHelpFormatter,
        )  # fmt: skip
        for name, parameter in inspect.signature(self.act).parameters.items():
            if parameter.annotation is bool:
                parser.add_argument(f"--{name.replace('_', '-')}", action="store_true")
            else:
                several = "+" if parameter.annotation == list[Path] else None
                parser.add_argument(name, type=Path, nargs=several)
        self.act(**vars(parser.parse_args(words)))


def summary(results: Path) -> None:
    """Print the scorecard of a results folder and where to look next; reads tables and benchmarks."""
    from ..artefacts.contents import Contents
    from .summary import summary as text

    contents = Contents(results)
    print("\n".join([text(contents), contents.remark()]).rstrip())


def status(results: Path) -> None:
    """Print the progress of a Snakemake at work in a results folder; reads its page `status`."""
    from .status import describe

    print(describe(results))


def provenance(artefact: Path) -> None:
    """Print the origin of a figure, table or manifest, back to the settings; reads the records beside results."""
    from ..artefacts.trace import describe

    print("\n".join(describe(artefact)))


def publish(results: Path, kept: Path) -> None:
    """Replace a small folder by the tables, figures and scorecard of a results folder; also writes README.md and docs.

    Joins the tables of runs. Leaves out whole outputs, traces, and all variants but `base`. README.md and
    docs/results.md, if they are here, then quote the new scorecard, over all root seeds if there are several.
    """
    from ..artefacts.publication import LEFT_OUT
    from ..artefacts.publication import publish as write
    from .quotations import quote, scorecard_of

    size = write(results, kept)
    print(f"{kept}: {size / 1e6:.1f} MB; left out: {', '.join(LEFT_OUT)}, all variants but base")
    for page in quote(scorecard_of(kept), results.name):
        print(f"{page}: quotes it")
    _remark(results)


def pack(results: Path, archive: Path, weights: bool) -> None:
    """Pack a results folder into one file for another machine; reads the folder and Snakemake's records.

    --weights adds the checkpoints, so that their LLC can be estimated again without training.
    """
    from ..artefacts.archive import pack as write

    print(f"{archive}: {write(results, archive, weights=weights)} files of {results}")
    _remark(results)


def unpack(archive: Path, other_code: bool) -> None:
    """Verify an archive and put its results where Snakemake accepts them as done; writes the results folder.

    --other-code accepts results that other code made: Snakemake then redoes what the code here makes stale.
    """
    from ..artefacts.archive import unpack as write

    print(f"{write(archive, other_code=other_code)}: unpacked and verified")


def leftovers(results: Path, remove: bool) -> None:
    """Print the files of a results folder that its configuration does not ask for; with --remove, delete them.

    These are runs that left the grid, variants that are gone, and tables and figures that no code makes any more.
    """
    from ..artefacts.contents import Contents

    contents = Contents(results)
    found = contents.remove_leftovers() if remove else contents.leftovers()
    for path in found:
        print(path)
    print(f"{results}: {len(found)} files {'removed' if remove else 'left over'}")


def _remark(results: Path) -> None:
    from ..artefacts.contents import Contents

    if remark := Contents(results).remark():
        print(remark)


def model_card(results: Path, folder: Path) -> None:
    """Write the last checkpoints of a results folder, and a model card, in the layout of the Hugging Face Hub.

    Reads checkpoints, configuration and scorecard of the variant `base`; `transient_ridge.from_pretrained` reads it.
    """
    from .model_card import write_model_card

    print(f"{folder}: {', '.join(write_model_card(results, folder))}")


def ro_crate(results: Path) -> None:
    """Describe a results folder as a Workflow Run RO-Crate; writes ro-crate-metadata.json and copies the workflow."""
    from .ro_crate import write_crate

    print(f"{results}/ro-crate-metadata.json: {write_crate(results)} results")


def rescore(kept: list[Path]) -> None:
    """Score published tables again with today's statements, and print the page; reads tables and configurations."""
    from ..scorecard.rescore import rescore as score_again

    print(score_again(kept))


def benchmark_llc() -> None:
    """Compare our sampler and devinterp's where the learning coefficient is known; takes minutes.

    Prints a Markdown table of normal crossings, reduced-rank regression and deep linear networks.
    """
    import torch

    from ..llc.benchmark import answers, table

    torch.set_num_threads(1)
    for line in table(answers()):
        print(line, flush=True)


_ACTS: tuple[Callable[..., None], ...] = (
    summary,
    status,
    provenance,
    publish,
    pack,
    unpack,
    leftovers,
    model_card,
    ro_crate,
    rescore,
    benchmark_llc,
)
COMMANDS = {command.name: command for command in map(Command, _ACTS)}
