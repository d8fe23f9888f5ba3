"""Load presets, for Python and for Snakemake."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import ConfigError
from ..places import PACKAGE, by_name, in_extensions
from .configuration import overlay, resolve
from .validation import validate

_CHECKOUT = PACKAGE.parents[1] / "config"
#: The presets of the core: in this checkout, or in the installed package. Those of extensions are in their folders.
FOLDER = _CHECKOUT if (_CHECKOUT / "config.yaml").is_file() else PACKAGE / "config" / "files"
#: The preset that every other one changes.
DEFAULT = "laptop"


def known() -> dict[str, Path]:
    """The file of every preset, by name, sorted; each holds the keys that differ from the default."""
    found = by_name([*FOLDER.glob("[!.]*.yaml"), *in_extensions("[!.]*.yaml")])
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
        config = overlay(config, read_file(path))
    return config


def stated(own: Sequence[Path], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration that the default, the files ``own`` and then ``changes`` state, not yet validated.

    The default is config/config.yaml in the working directory, if it exists. Snakemake itself would merge alternative
    forms of a value. Raises ConfigError for a duplicate key, and for a file whose `preset` is not its name, since its
    results would replace those of another preset.
    """
    here = Path("config/config.yaml")
    config = read_file(here if here.exists() else FOLDER / "config.yaml")
    for path in own:
        found = read_file(path)
        preset = found.get("preset", None if path == own[0] else path.stem)
        if path.stem not in (preset, "config"):
            raise ConfigError(
                f"{path}: preset = {preset}; must be {path.stem}, because results go to results/<preset>/"
            )
        config = overlay(config, found)
    return overlay(config, changes)


def read_file(path: Path) -> dict[str, Any]:
    """The contents of a YAML file, which may be empty. Raises ConfigError for a duplicate key."""
    try:
        return yaml.load(path.read_text(), _Loader) or {}
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}: {error}") from error


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Refuses duplicate keys; YAML would silently drop the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping of ``node``."""
        names = [name.value for name, _ in node.value]
        for i, (name, _) in enumerate(node.value):
            if name.value in names[:i]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"'{name.value}' is stated twice", name.start_mark
                )
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def load(preset: str, variant: str = "base", **changes: Any) -> dict[str, Any]:
    """A valid configuration of ``preset`` with ``changes`` (section=...) laid over it, ready for a stage.

    Raises ConfigError that lists every fault.
    """
    config = overlay(read(preset), changes)
    validate(config)
    return resolve(config, variant)
