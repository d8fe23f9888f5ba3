"""What a person who watches wants to know: jobs done of each stage, and how far each running job is.

Snakemake tells its loggers of every job (its logging interface); a job tells its own log how far it is
(:mod:`transient_ridge.progress`). Both together are one page of text, written every few seconds.
"""

import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..artefacts.files import complete_file
from ..artefacts.locks import is_held
from ..errors import StorageError

#: Seconds between two pages.
EVERY = 5.0
#: Bytes at the end of a log in which its last line is sought.
TAIL = 4096

#: What Snakemake counts and a person does not: the sum, and the target that only asks for the rest.
UNCOUNTED = ("total", "all")

PAGE_FILE = "status"
LOCK_FILE = ".lock"


@dataclass(frozen=True)
class Job:
    """A job that was started, or handed to a cluster."""

    stage: str
    name: str
    log: Path | None
    since: float  # time.time()


class Watch(logging.Handler):
    """Listens to the events of one Snakemake and keeps the page ``<results>/status`` up to date."""

    def __init__(self, results: Path) -> None:
        super().__init__()
        self.results = results
        self.began = time.time()
        self.total: dict[str, int] = {}
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.running: dict[int, Job] = {}
        self._ended = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a Snakemake event; other records pass, and what is not understood is reported and passes."""
        try:
            self._note(vars(record))
        except (KeyError, TypeError, AttributeError):
            self.handleError(record)

    def _note(self, said: dict[str, Any]) -> None:
        match str(said.get("event")):
            case "run_info":
                for rule, count in said["stats"].items():
                    if rule not in UNCOUNTED:
                        self.total[stage(rule)] = self.total.get(stage(rule), 0) + count
            case "job_info" if said["rule_name"] not in UNCOUNTED:
                logs = said["log"] or [None]
                log = None if logs[0] is None else Path(str(logs[0]))
                job = Job(stage(said["rule_name"]), _name(said), log, time.time())
                self.running[said["jobid"]] = job
            case "job_finished":
                self._end_of(said["job_id"], self.done)
            case "job_error":
                self._end_of(said["jobid"], self.failed)

    def _end_of(self, number: int, outcome: Counter[str]) -> None:
        job = self.running.pop(number, None)
        if job is not None:
            outcome[job.stage] += 1

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
            if self._ended.wait(EVERY):
                return

    def _write(self) -> None:
        # A page that cannot be written (a full disk) is no reason to stop the work.
        with suppress(StorageError, OSError), complete_file(self.results / PAGE_FILE) as partial:
            partial.write_text(self.page())

    def page(self) -> str:
        """The page as it stands."""
        now = time.time()
        of = sum(self.total.values())
        lines = [
            f"{self.results} at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))}: "
            f"{self.done.total()} of {of} jobs done, {len(self.running)} at work, {self.failed.total()} failed, "
            f"{_clock(now - self.began)} since the start",
            "",
        ]
        width = max(map(len, self.total), default=0)
        for name, count in self.total.items():
            failed = f", {self.failed[name]} failed" if self.failed[name] else ""
            lines.append(f"  {name:<{width}} {self.done[name]:>5} of {count}{failed}")
        jobs = sorted(self.running.values(), key=lambda job: job.since)
        lines += [""] * bool(jobs)
        lines += [f"  {job.name}: {_clock(now - job.since)}, {last_line(job.log)}" for job in jobs]
        return "\n".join(lines) + "\n"


def describe(results: Path) -> str:
    """The page of ``results``, with a remark if nobody is at work there."""
    page = results / PAGE_FILE
    if not page.exists():
        return f"{results}: nothing has been run here"
    at_work = is_held(results / LOCK_FILE)
    remark = (
        "" if at_work else "No Snakemake is at work here; this is how the last one left it.\n\n"
    )
    return remark + page.read_text().rstrip("\n")


def stage(rule: str) -> str:
    """What a rule is counted under: all figures are one stage."""
    return "figures" if rule.startswith("figure_") else rule


def last_line(log: Path | None) -> str:
    """What a job last said, or that it has said nothing (it is starting, or waits in a queue)."""
    with suppress(OSError):
        if log is not None:
            with log.open("rb") as handle:
                handle.seek(max(0, log.stat().st_size - TAIL))
                lines = handle.read().decode(errors="replace").splitlines()
            said = [line.strip() for line in lines if line.strip()]
            if said:
                return said[-1]
    return "nothing said yet"


def _name(said: dict[str, Any]) -> str:
    wildcards = (said["wildcards"] or {}).values()
    return " ".join([stage(said["rule_name"]), *map(str, wildcards)])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
