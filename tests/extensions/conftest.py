"""Fixtures that tests of the extensions share with those of the core. No test is collected without extensions."""

from tests.unit.conftest import frames, small_frames
from tests.unit.figures.conftest import drawing, drawn
from transient_ridge.places import PACKAGE

__all__ = ["drawing", "drawn", "frames", "small_frames"]

collect_ignore_glob = [] if (PACKAGE / "extensions").is_dir() else ["*"]
