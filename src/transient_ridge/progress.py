"""Progress of long work: a bar on a terminal, or a line in a log every few seconds, which :func:`parse` reads back."""

import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts ``total`` units of work from ``start``."""

    def __init__(
        self, label: str, total: int, start: int = 0, stream: TextIO | None = None
    ) -> None:
        """Write to ``stream``, or to stderr."""
        self.label, self.total, self.start = label, total, start
        self.stream = stream or sys.stderr
        self.began = self.last = time.monotonic()
        self.bar = (
            tqdm(total=total, initial=start, desc=label, unit="step", file=self.stream)
            if self.stream.isatty()
            else None
        )

    def update(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """Show that ``done`` units are complete, with the current ``values``."""
        shown = {name: f"{value:.4g}" for name, value in (values or {}).items()}
        if self.bar is not None:
            self.bar.set_postfix(shown, refresh=False)
            self.bar.update(done - self.bar.n)
            return
        now = time.monotonic()
        if now - self.last < SECONDS_BETWEEN_LINES and done < self.total:
            return
        self.last = now
        rate = (done - self.start) / max(now - self.began, 1e-9)
        eta = (self.total - done) / rate if rate > 0 else float("inf")
        extra = "".join(f", {name} {value}" for name, value in shown.items())
        print(
            f"{self.label}: {done}/{self.total} steps, {rate:.1f}/s, ETA {eta:.0f} s{extra}",
            file=self.stream,
            flush=True,
        )

    def close(self) -> None:
        """End the bar."""
        if self.bar is not None:
            self.bar.close()


@dataclass(frozen=True)
class Reading:
    """A progress line, parsed."""

    done: int
    total: int
    seconds_left: float  # math.inf before the first unit is complete
    values: str  # "loss 0.25, lr 0.001", or empty


_LINE = re.compile(
    r".*: (?P<done>\d+)/(?P<total>\d+) steps, \S+/s, ETA (?P<left>\S+) s(?:, (?P<values>.*))?"
)


def parse(line: str) -> Reading | None:
    """Parse a line that :class:`Progress` wrote; None for any other line."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    return Reading(
        int(found["done"]), int(found["total"]), float(found["left"]), found["values"] or ""
    )
