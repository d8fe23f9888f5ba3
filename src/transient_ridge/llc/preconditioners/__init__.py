"""Preconditioners of the chains, one per file."""
