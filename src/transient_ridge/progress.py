"""Progress of long work: a bar on a terminal, a line every few seconds in a log."""

import sys
import time
from collections.abc import Mapping
from typing import TextIO

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts ``total`` units of work from ``start``."""

    def __init__(self, label: str, total: int, start: int = 0, stream: TextIO = sys.stderr) -> None:
        self.label, self.total, self.start, self.stream = label, total, start, stream
        self.began = self.last = time.monotonic()
        self.bar = (
            tqdm(total=total, initial=start, desc=label, unit="step", file=stream)
            if stream.isatty()
            else None
        )

    def update(self, done: int, values: Mapping[str, float] | None = None) -> None:
        """Show that ``done`` of the total are complete, with the current values."""
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
