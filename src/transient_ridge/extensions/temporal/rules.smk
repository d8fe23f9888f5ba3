from transient_ridge.extensions.temporal.counterpart import of_counterpart


# The run of the same M and seed whose tasks stay, for runs whose tasks change.
rule unchanged:
    input:
        relative_distances=lambda wildcards: of_counterpart(
            config, LAYOUT, "relative_distances", wildcards.variant
        ),
    output:
        unchanged=LAYOUT.pattern("unchanged"),
    log:
        log_of("unchanged/{run}"),
    benchmark:
        benchmark_of("unchanged/{run}")
    group:
        "analysis"
    conda:
        ENVIRONMENT
    resources:
        **light(),
    params:
        **stage("extensions.temporal.unchanged"),
    shell:
        job(STAGE, "--run {wildcards.run}")
