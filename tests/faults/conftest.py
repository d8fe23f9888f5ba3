"""A copy of the finished project of the workflow tests, for tests that disturb it."""

from tests.workflow.conftest import finished, project

__all__ = ["finished", "project"]
