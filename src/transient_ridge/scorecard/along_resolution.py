"""Verdicts along the resolution r, in words."""

from collections.abc import Sequence

from .verdicts import Row


def verdicts_by_resolution(rows: Sequence[Row]) -> dict[str, list[tuple[float, str]]]:
    """Statement, such as 8a -> its verdict at each r, ascending."""
    found: dict[str, list[tuple[float, str]]] = {}
    for row in sorted(rows, key=lambda row: float(row["resolution"])):
        name = f"{row['claim']}{row['part']}"
        found.setdefault(name, []).append((float(row["resolution"]), row["verdict"]))
    return dict(sorted(found.items()))


def in_words(verdicts: Sequence[tuple[float, str]]) -> str:
    """``holds for r in [0.1, 1]; does not hold at r = 3.3``: runs of neighbouring r with the same verdict."""
    runs: list[tuple[str, list[float]]] = []
    for r, verdict in verdicts:
        if runs and runs[-1][0] == verdict:
            runs[-1][1].append(r)
        else:
            runs.append((verdict, [r]))
    return "; ".join(
        f"{verdict} at r = {rs[0]:g}"
        if len(rs) == 1
        else f"{verdict} for r in [{rs[0]:g}, {rs[-1]:g}]"
        for verdict, rs in runs
    )
