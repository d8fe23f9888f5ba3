"""What devinterp's optimiser has no counterpart of."""

from collections.abc import Iterator, Mapping
from typing import Any

from .registries import PRECONDITIONERS

#: Key of ``llc`` -> the one value with which devinterp can sample.
PLAIN = {"noise": "independent", "annealing": 0, "control_variate": False}


def unlike_devinterp(llc: Mapping[str, Any]) -> Iterator[str]:
    """Why the section ``llc`` cannot be sampled by ``backend: devinterp``, a message for each key."""
    able = [name for name in PRECONDITIONERS.names if PRECONDITIONERS.offers(name, "devinterp")]
    if llc["preconditioner"] not in able:
        yield (
            f"llc.preconditioner = {llc['preconditioner']}: llc.backend = devinterp has no counterpart; take the "
            f"backend stacked, or one of {', '.join(able)}"
        )
    for key, value in PLAIN.items():
        if llc[key] != value:
            yield (
                f"llc.{key} = {llc[key]}: llc.backend = devinterp has no counterpart; set it to {value}, or take the "
                "backend stacked"
            )
