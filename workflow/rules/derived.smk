"""Stages that derive tables of a variant from other tables. Their modules say which tables they read and write."""

DERIVED = {
    "gates": "analysis.gates",
    "phases": "analysis.phases",
    "selection": "analysis.model_selection.selection",
    "selection_by_resolution": "analysis.model_selection.by_resolution",
    "claims_by_resolution": "scorecard.by_resolution",
    "accounts": "analysis.model_selection.accounts",
    "llc_recommendation": "llc.stages.recommendation",
}

for NAME, MODULE in DERIVED.items():

    rule:
        name:
            NAME
        input:
            unpack(tables(*tables_read_by(MODULE))),
        output:
            **{table: LAYOUT.pattern(table) for table in written_by(MODULE)},
        log:
            log_of(NAME),
        benchmark:
            benchmark_of(NAME)
        group:
            "analysis"
        conda:
            ENVIRONMENT
        resources:
            **light(),
        params:
            **stage(MODULE),
        shell:
            job(STAGE)
