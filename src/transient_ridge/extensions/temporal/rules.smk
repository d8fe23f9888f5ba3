from transient_ridge.extensions.temporal.counterpart import counterpart


def of_counterpart(wildcards):
    """`relative_distances` of the variant whose tasks stay; nothing if there is none."""
    other = counterpart(config, wildcards.variant)
    return [] if other is None else LAYOUT.read("relative_distances", other)


# The run of the same M and seed whose tasks stay, where tasks change.
rule unchanged:
    input:
        relative_distances=of_counterpart,
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
