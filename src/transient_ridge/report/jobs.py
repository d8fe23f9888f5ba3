"""The jobs of a running Snakemake, from what it reports to its log handlers and from the jobs' own logs.

Each job writes its progress to its log (:mod:`transient_ridge.progress`). :class:`Jobs` combines the two; the terminal
and the status page show it.
"""

import logging
import math
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..progress import Reading, parse

#: Bytes read at the end of a log.
TAIL_BYTES = 16_384

#: How Snakemake's message begins when the user has asked it to stop.
STOPPING = "Terminating processes on user request"


@dataclass(frozen=True)
class Job:
    """A job that was started, or submitted to a cluster."""

    stage: str
    name: str
    log: Path | None
    started: float  # time.time()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.time() - self.started

    def last_line(self) -> str:
        """The last line of the job's log; a job that starts or waits in a queue has none yet."""
        return next(iter(tail(self.log, 1)), "no output yet")

    def reading(self) -> Reading | None:
        """The job's progress, if its last line shows it."""
        return parse(self.last_line())

    def seconds_left(self) -> float | None:
        """Seconds until the job is done, as the job estimates; None without an estimate."""
        reading = self.reading()
        return reading.seconds_left if reading and math.isfinite(reading.seconds_left) else None


class Jobs:
    """The jobs that Snakemake has reported as planned, running, done and failed, by stage.

    One thread may call :meth:`note` while others read: all methods copy a dictionary in one step.
    """

    def __init__(self) -> None:
        self.started = time.time()
        self.planned: dict[str, int] = {}
        self.done: Counter[str] = Counter()
        self.failed: dict[int, Job] = {}
        #: Whether the user has asked Snakemake to stop: jobs that end in error after that did not fail.
        self.stopping = False
        self._running: dict[int, Job] = {}
        #: Stage -> the time that its finished jobs took.
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def note(self, record: logging.LogRecord) -> None:
        """Take in one event of Snakemake; other records are ignored.

        Raises KeyError, TypeError or AttributeError if the event has an unknown form.
        """
        event = vars(record)
        self.stopping = self.stopping or record.getMessage().startswith(STOPPING)
        match str(event.get("event")):
            case "run_info":
                for rule, count in event["stats"].items():
                    if rule != "total" and not is_target(rule):
                        self.planned[stage(rule)] = self.planned.get(stage(rule), 0) + count
            case "job_info" if not is_target(event["rule_name"]):
                self.failed.pop(event["jobid"], None)  # Snakemake tries it again
                self._running[event["jobid"]] = _job(event)
            case "job_finished":
                if job := self._running.pop(event["job_id"], None):
                    self.done[job.stage] += 1
                    self._seconds[job.stage] += job.elapsed
            case "job_error":
                job = self._running.pop(event["jobid"], None)
                if job and not self.stopping:
                    self.failed[event["jobid"]] = job

    def running(self, of: str | None = None) -> list[Job]:
        """The running jobs, of one stage or of all, in the order in which they started."""
        jobs = [job for job in list(self._running.values()) if of in (None, job.stage)]
        return sorted(jobs, key=lambda job: job.started)

    def failures(self) -> Counter[str]:
        """Failed jobs by stage."""
        return Counter(job.stage for job in list(self.failed.values()))

    def seconds_left(self, of: str) -> float | None:
        """Seconds until stage ``of`` is done, if as many of its jobs run at once as now.

        Assumes that a job takes as long as earlier ones, or as the running ones expect. None if neither is known.
        """
        running = self.running(of)
        own = {job: left for job in running if (left := job.seconds_left()) is not None}
        if done := self.done[of]:
            typical = self._seconds[of] / done
        elif own:
            typical = sum(job.elapsed + left for job, left in own.items()) / len(own)
        else:
            return None
        waiting = self.planned.get(of, 0) - done - len(running) - self.failures()[of]
        work = sum(own.get(job, max(typical - job.elapsed, 0.0)) for job in running)
        return (work + max(waiting, 0) * typical) / max(len(running), 1)

    def count(self) -> str:
        """``12 of 47 jobs done``, with those that failed."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{self.done.total()} of {sum(self.planned.values())} jobs done{failed}"

    def progress(self, of: str) -> str:
        """``3 of 8``, with the time left while jobs of the stage run."""
        left = self.seconds_left(of) if self.running(of) else None
        remark = "" if left is None else f" ({clock(left)} left)"
        return f"{self.done[of]} of {self.planned[of]}{remark}"


def is_target(rule: str) -> bool:
    """Whether a rule only collects the files of other rules."""
    return rule in ("all", "figures") or rule.endswith("_all")


def stage(rule: str) -> str:
    """The stage to which a rule belongs; all figures are one stage."""
    return "figures" if rule.startswith("figure_") else rule


def tail(log: Path | None, lines: int) -> list[str]:
    """The last non-empty lines of a log; none if it cannot be read."""
    if log is None:
        return []
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = handle.read().decode(errors="replace")
    except OSError:
        return []
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]


def clock(seconds: float) -> str:
    """``0:12:05``: hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _job(event: dict[str, Any]) -> Job:
    log = next(iter(event["log"] or []), None)
    rule, wildcards = event["rule_name"], (event["wildcards"] or {}).values()
    return Job(
        stage=stage(rule),
        name=" ".join([rule.replace("figure_", "figure ", 1), *map(str, wildcards)]),
        log=None if log is None else Path(str(log)),
        started=time.time(),
    )
