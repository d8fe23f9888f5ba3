"""The status page ``<results>/status``: what the terminal shows, for readers elsewhere."""

import logging
import threading
import time
from contextlib import suppress
from io import StringIO
from pathlib import Path

from ..artefacts.contents import LOCK_FILE
from ..artefacts.files import complete_file
from ..artefacts.locks import is_held
from ..errors import StorageError, TableError
from .jobs import Jobs

#: Seconds between two writes of the page.
INTERVAL = 5.0

PAGE_FILE = "status"
#: Characters in a line of the page, more than any line needs.
WIDTH = 1000


class StatusPage(logging.Handler):
    """Log handler that keeps the page ``<results>/status`` up to date."""

    def __init__(self, results: Path) -> None:
        super().__init__()
        self.results = results
        self.jobs = Jobs()
        self._ended = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Note an event; report one of an unknown form on stderr, and carry on."""
        try:
            self.jobs.note(record)
        except (KeyError, TypeError, AttributeError):
            self.handleError(record)

    def start(self) -> None:
        """Write the page now and every few seconds, until :meth:`end`."""
        threading.Thread(target=self._keep_writing, daemon=True).start()

    def end(self) -> None:
        """Write the last page."""
        self._ended.set()
        self._write()

    def _keep_writing(self) -> None:
        while True:
            self._write()
            if self._ended.wait(INTERVAL):
                return

    def _write(self) -> None:
        # A page that cannot be written (a full disk) is no reason to stop the work.
        with suppress(StorageError, OSError), complete_file(self.results / PAGE_FILE) as partial:
            partial.write_text(self.page())

    def page(self) -> str:
        """The page as of now."""
        from rich.console import Console

        from .terminal import draw

        console = Console(file=StringIO(), width=WIDTH)
        with console.capture() as drawn:
            console.print(draw(self.jobs, most=len(self.jobs.running())))
        lines = "\n".join(line.rstrip() for line in drawn.get().splitlines())
        return f"{self.results} at {time.strftime('%Y-%m-%d %H:%M:%S')}\n\n{lines}\n"


def describe(results: Path) -> str:
    """The page of ``results``, with a remark if no Snakemake runs there. Raises TableError without such a folder."""
    page = results / PAGE_FILE
    if not results.is_dir():
        raise TableError(
            f"{results}: no such folder; name a results folder, such as results/laptop"
        )
    if not page.exists():
        return f"{results}: nothing has been run here"
    remark = (
        ""
        if is_held(results / LOCK_FILE)
        else "No Snakemake is at work here; this is how the last one left it.\n\n"
    )
    return remark + page.read_text().rstrip("\n")
