"""Neighbouring papers: each folder holds everything about one of them. The core works without any."""
