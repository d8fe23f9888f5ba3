"""Load presets from Python, as Snakemake reads them."""

from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from .configuration import overlay, resolve
from .registries import PACKAGE
from .validation import validate

#: The presets of this checkout.
FOLDER = PACKAGE.parents[1] / "config"
DEFAULT = "laptop"


def files(preset: str) -> list[Path]:
    """The files of ``preset``, a name or the path of a YAML file; each overrides those before."""
    own = Path(preset) if preset.endswith((".yaml", ".yml")) else FOLDER / f"{preset}.yaml"
    return [FOLDER / "config.yaml"] + ([] if preset == DEFAULT else [own])


def read(preset: str) -> dict[str, Any]:
    """The configuration of ``preset``, not yet validated. Raises ConfigError if there is no such file."""
    config: dict[str, Any] = {}
    for path in files(preset):
        if not path.exists():
            known = sorted(each.stem for each in FOLDER.glob("*.yaml") if each.stem != "config")
            raise ConfigError(
                f"preset '{preset}': unknown; there are {DEFAULT}, {', '.join(known)}"
            )
        config = overlay(config, yaml.safe_load(path.read_text()))
    return config


def load(preset: str, variant: str = "base", **changes: Any) -> dict[str, Any]:
    """A valid configuration of ``preset`` with ``changes`` (section=...) laid over it, ready for a stage.

    Raises ConfigError that lists every fault.
    """
    config = overlay(read(preset), changes)
    validate(config)
    return resolve(config, variant)
