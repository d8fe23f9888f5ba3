"""The finished project of the workflow's tests, to be disturbed."""

from tests.workflow.conftest import finished, project

__all__ = ["finished", "project"]
