"""Dynamics of transient structure in in-context linear regression transformers.

Data and imports go one way: config -> regression -> model -> training -> llc, analysis -> scorecard -> figures ->
report. Every room may use ``artefacts``, which reads and writes files.
"""
