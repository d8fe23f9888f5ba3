"""Load presets from Python, as Snakemake reads them."""

from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..places import PACKAGE, in_extensions
from .configuration import overlay, resolve
from .validation import validate

#: The presets of the core in this checkout; those of extensions lie in their folders.
FOLDER = PACKAGE.parents[1] / "config"
#: The preset that every other one changes.
DEFAULT = "laptop"


def known() -> dict[str, Path]:
    """The file of every preset, by name, sorted; each states what it changes of the default."""
    found = {path.stem: path for path in [*FOLDER.glob("[!.]*.yaml"), *in_extensions("[!.]*.yaml")]}
    found[DEFAULT] = found.pop("config")
    return dict(sorted(found.items()))


def files(preset: str) -> list[Path]:
    """The files of ``preset``, a name or the path of a YAML file; each overrides those before.

    Raises ConfigError if there is no such preset.
    """
    default = FOLDER / "config.yaml"
    if preset == DEFAULT:
        return [default]
    if preset.endswith((".yaml", ".yml")) and Path(preset).exists():
        return [default, Path(preset)]
    if preset not in known():
        raise ConfigError(f"preset '{preset}': unknown; there are {', '.join(known())}")
    return [default, known()[preset]]


def read(preset: str) -> dict[str, Any]:
    """The configuration of ``preset``, not yet validated. Raises ConfigError if there is no such preset."""
    config: dict[str, Any] = {}
    for path in files(preset):
        config = overlay(config, yaml.safe_load(path.read_text()) or {})
    return config


def load(preset: str, variant: str = "base", **changes: Any) -> dict[str, Any]:
    """A valid configuration of ``preset`` with ``changes`` (section=...) laid over it, ready for a stage.

    Raises ConfigError that lists every fault.
    """
    config = overlay(read(preset), changes)
    validate(config)
    return resolve(config, variant)
