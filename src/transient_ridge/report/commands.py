"""Commands that ask about results: `python -m transient_ridge COMMAND ...`."""

import argparse
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Command:
    """A function of paths whose docstring is its help."""

    act: Callable[..., None]
    arguments: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The first line of its help."""
        return (self.act.__doc__ or "").split("\n")[0]

    def __call__(self, words: Sequence[str]) -> None:
        """Run on the words of the command line."""
        name = self.act.__name__
        parser = argparse.ArgumentParser(
            f"transient_ridge {name}", description=inspect.cleandoc(self.act.__doc__ or ""),
            formatter_class=argparse.RawTextHelpFormatter,
        )  # fmt: skip
        for argument in self.arguments:
            parser.add_argument(argument, type=Path)
        self.act(**vars(parser.parse_args(words)))


def summary(results: Path) -> None:
    """Print the scorecard of a results folder and where to look next; reads tables and benchmarks."""
    from .summary import summary as text

    print(text(results))


def status(results: Path) -> None:
    """Print how far the Snakemake at work in a results folder is; reads its page `status`."""
    from .status import describe

    print(describe(results))


def provenance(artefact: Path) -> None:
    """Print what a figure, table or manifest came from, back to the settings; reads the records beside results."""
    from ..artefacts.trace import describe

    print("\n".join(describe(artefact)))


COMMANDS = {
    "summary": Command(summary, ("results",)),
    "status": Command(status, ("results",)),
    "provenance": Command(provenance, ("artefact",)),
}
