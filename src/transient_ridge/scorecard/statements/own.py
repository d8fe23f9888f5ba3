"""Your own statements: one decorated function each, its threshold a number under `claims.own` in the configuration.

    @states("11a", at_most="turns_by", about=RIDGE_PHASE, set_when="before any run")
    def _turns_early(evidence: Evidence, seed: int) -> float:
        \"""M = 12 turns in the first half of training.

        Measured: t_crit as a share of training.
        \"""
        return evidence.critical_step(12, seed) / evidence.last_step(12, seed)

with ``claims: {own: {turns_by: 0.5}}``. The function is called for each seed and returns a number, or a `Measured` with
its uncertainty. measurements.py has the questions that `Evidence` answers; any other table is
``evidence.table("training")``, if it is declared as judged. Raise NotTestableError for what was not measured, resolved
or trained, and ContradictedError if a premise is false. The statement is scored, appears in table, page and figure, and
is tested in the worlds of tests/unit/test_claims.py in which nothing happens.
"""
