"""Your own statements: one decorated function each, its threshold a number under `claims.own` in the configuration.

    @states("11a", "M = 12 turns before it has passed half of training", "t_crit as a share of training",
            at_most="turns_by", about=RIDGE_PHASE, set_when="before any run")
    def _turns_early(evidence: Evidence, seed: int) -> float:
        return evidence.critical_step(12, seed) / evidence.last_step(12, seed)

with ``claims: {own: {turns_by: 0.5}}``. The function is called once for each seed, and returns a number, or a
`Measured` that says how much of it is left open. What `Evidence` answers is in measurements.py; a table that it has no
question for is ``evidence.table("training")`` once rule `claims` reads it. Raise NotTestableError for what was not
measured, not resolved or not trained, and ContradictedError for what was, and is not so. The statement is scored, put
into table, page and figure, and tried on the worlds of tests/unit/test_claims.py in which nothing happens.
"""
