"""Snakemake logger plugin: ``snakemake --logger transient-ridge`` shows a few lines instead of every job.

Snakemake finds plugins by the names of installed packages, which is why this one is beside `transient_ridge`. It
imports every plugin that it finds, chosen or not, before it reads a Snakefile. So nothing of `transient_ridge` is
imported here before this plugin is chosen, and the package beside the Snakefile is the one that plans.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase

if TYPE_CHECKING:
    from transient_ridge.report.terminal import Terminal


class LogHandler(LogHandlerBase):
    """Hands the events of Snakemake to :class:`transient_ridge.report.terminal.Terminal`."""

    def __post_init__(self) -> None:
        """Start the display; a dry run keeps Snakemake's own output."""
        self.terminal: Terminal | None = None
        if self.writes_to_stream:
            from rich.console import Console

            from transient_ridge.report import terminal

            console = Console(
                stderr=not self.common_settings.stdout,
                no_color=self.common_settings.nocolor or None,
                highlight=False,
            )
            self.terminal = terminal.Terminal(console, log_file)

    def emit(self, record: logging.LogRecord) -> None:
        """Show an event. One of unknown form is reported on stderr and stops nothing."""
        if self.terminal is not None:
            try:
                self.terminal.note(record)
            except (KeyError, TypeError, AttributeError):
                self.handleError(record)

    def close(self) -> None:
        """Print how the workflow ended."""
        if self.terminal is not None:
            self.terminal.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Whether this replaces Snakemake's own output."""
        return not self.common_settings.dryrun

    @property
    def writes_to_file(self) -> bool:
        """Snakemake keeps its own log file."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's own filter applies (``--quiet``)."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Events are formatted here."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """The rule graph is not shown."""
        return False


def log_file() -> Path | None:
    """The file that this Snakemake logs to, relative to the working directory; None before it has one."""
    handlers = logging.getLogger("snakemake.logging").handlers
    files = (handler for handler in handlers if isinstance(handler, logging.FileHandler))
    return next((Path(os.path.relpath(handler.baseFilename)) for handler in files), None)
