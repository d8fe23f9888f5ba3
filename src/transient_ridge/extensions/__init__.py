"""Neighbouring papers, a folder each: all there is about one of them. The core works without any."""
