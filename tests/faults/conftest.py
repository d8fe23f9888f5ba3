"""A copy of the workflow tests' finished project, for tests that disturb it."""

from tests.workflow.conftest import finished, project

__all__ = ["finished", "project"]
