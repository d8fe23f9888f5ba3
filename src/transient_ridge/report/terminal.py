"""The display of `make reproduce`: a few lines redrawn in place, or plain lines without a terminal.

The full log goes to a file, whose path is printed at the start and again after a failure.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .jobs import STOPPING, Job, Jobs, clock, tail

#: Redraws per second of the live lines.
REFRESH = 2
#: Running jobs shown; the others are only counted.
JOBS_SHOWN = 8
#: Lines of a failed job's log to show.
LOG_LINES = 15

#: Seconds between plain lines: this share of the elapsed time, within these bounds.
PLAIN_SHARE, PLAIN_SHORTEST, PLAIN_LONGEST = 0.02, 10.0, 300.0

#: Beginnings of messages that are shown although they are not warnings.
SHOWN = ("Nothing to be done", STOPPING, "Will exit after finishing")
#: Beginnings of errors that only repeat that a job failed, which has been shown already.
REDUNDANT = (
    "Exiting because a job execution failed",
    "RuleException:\nCalledProcessError",
    "WorkflowError:\nAt least one job did not complete",
)


class Terminal:
    """Shows the events of one Snakemake on ``console``.

    ``log_file`` returns the path of Snakemake's log, or None before it has one.
    """

    def __init__(self, console: Console, log_file: Callable[[], Path | None]) -> None:
        self.console, self.log_file = console, log_file
        self.jobs = Jobs()
        self._errors = False
        self._ended = threading.Event()
        self._live: Live | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._live = Live(
                get_renderable=lambda: draw(self.jobs),
                console=console,
                refresh_per_second=REFRESH,
                transient=True,
            )
            self._live.start()
        else:
            threading.Thread(target=self._keep_printing, daemon=True).start()

    def note(self, record: logging.LogRecord) -> None:
        """Note a log record, and print it if it should stay on the screen.

        Raises KeyError, TypeError or AttributeError if the record is an event of an unknown form.
        """
        self.jobs.note(record)
        event = str(getattr(record, "event", None))
        message = record.getMessage()
        if event == "run_info":
            planned = sum(self.jobs.planned.values())
            self._print(f"{planned} job{'s' * (planned != 1)} to do; {self._full_log()}")
        elif event == "job_error":
            if job := self.jobs.failed.get(vars(record)["jobid"]):
                self._errors = True
                self._print_failure(job)
        elif record.levelno >= logging.ERROR and not message.startswith(REDUNDANT):
            self._errors = True
            self._print(message, "red")
        elif record.levelno >= logging.WARNING and not message.startswith(REDUNDANT):
            self._print(message, "yellow")
        elif message.startswith(SHOWN):
            self._print(message)

    def close(self) -> None:
        """Remove the live lines and print how the run ended. A second call does nothing."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._live is not None:
            self._live.stop()
        jobs = self.jobs
        if jobs.planned:
            how = "stopped" if jobs.stopping else "ended"
            self._print(f"{how} after {clock(time.time() - jobs.started)}: {jobs.count()}")
        for job in list(jobs.failed.values()):
            self._print(f"failed: {job.name}, log {job.log}", "red")
        if self._errors:
            self._print(self._full_log())

    def line(self) -> str:
        """The progress in one line of text."""
        line = f"{clock(time.time() - self.jobs.started)}  {self.jobs.count()}"
        begun = _by_state(self.jobs)["begun"]
        return f"{line}; begun: {', '.join(begun)}" if begun else line

    def _keep_printing(self) -> None:
        while not self._ended.wait(self._interval()):
            if self.jobs.planned:
                self._print(self.line())

    def _interval(self) -> float:
        share = PLAIN_SHARE * (time.time() - self.jobs.started)
        return min(max(share, PLAIN_SHORTEST), PLAIN_LONGEST)

    def _print_failure(self, job: Job) -> None:
        lines = tail(job.log, LOG_LINES)
        where = f"the end of {job.log}:" if lines else "it left no log"
        self._print(f"{job.name} failed after {clock(job.elapsed)}; {where}", "red")
        for line in lines:
            self._print(f"    {line}")

    def _full_log(self) -> str:
        path = self.log_file()
        return "full log: none" if path is None else f"full log: {path}"

    def _print(self, text: str, style: str = "") -> None:
        # Paths and messages stay whole, however narrow the terminal is.
        self.console.print(Text(text, style=style), soft_wrap=True)


def draw(jobs: Jobs, most: int = JOBS_SHOWN) -> RenderableType:
    """The progress of ``jobs`` in a few lines, with at most ``most`` lines for running jobs."""
    so_far = f"{clock(time.time() - jobs.started)} so far"
    if not jobs.planned:
        return Text(f"Snakemake is preparing, {so_far}", style="dim")
    total = sum(jobs.planned.values())
    head = Table.grid(padding=(0, 2))
    head.add_row(jobs.count(), _bar(jobs.done.total(), total, 30), so_far)
    stages = Table.grid(padding=(0, 2), expand=True)
    stages.add_column(style="dim", width=len("waiting"))
    stages.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for label, names in _by_state(jobs).items():
        if names:
            stages.add_row(label, ", ".join(names))
    return Group(head, stages, *_job_lines(jobs, most))


def _by_state(jobs: Jobs) -> dict[str, list[str]]:
    """Stages that are done, begun or waiting. Those begun are shown with the jobs done and the time left."""
    failures = jobs.failures()
    states: dict[str, list[str]] = {"done": [], "begun": [], "waiting": []}
    for name, planned in list(jobs.planned.items()):
        ended = jobs.done[name] + failures[name]
        if ended >= planned:
            states["done"].append(name)
        elif ended or jobs.running(name):
            states["begun"].append(f"{name} {jobs.progress(name)}")
        else:
            states["waiting"].append(name if planned == 1 else f"{name} {planned}")
    return states


def _job_lines(jobs: Jobs, most: int) -> Iterator[RenderableType]:
    """One line per running job: name, progress, values such as the loss, time left."""
    running = jobs.running()
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(width=12)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    for job in running[:most]:
        reading, left = job.reading(), job.seconds_left()
        so_far = f"{clock(job.elapsed)} so far"
        if reading is None:
            table.add_row(job.name, "", f"{so_far}, {job.last_line()}", style="cyan")
            continue
        parts = [f"{reading.done}/{reading.total}", reading.values]
        parts.append(so_far if left is None else f"{clock(left)} left")
        bar = _bar(reading.done, reading.total)
        table.add_row(job.name, bar, ", ".join(filter(None, parts)), style="cyan")
    more = len(running) - most
    yield table
    if more > 0:
        yield Text(f"and {more} more job{'s' * (more != 1)}", style="dim")


def _bar(done: int, total: int, width: int | None = None) -> ProgressBar:
    return ProgressBar(total=max(total, 1), completed=done, width=width)
