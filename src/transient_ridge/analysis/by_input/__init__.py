"""Measurements that tell the inputs x apart, for input laws whose inputs are of kinds."""
