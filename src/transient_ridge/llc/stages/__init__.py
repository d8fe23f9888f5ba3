"""Stages about the LLC: what the workflow runs."""
