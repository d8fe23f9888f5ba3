rule feature_losses:
    """The loss by feature of x, where the input law has features."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        feature_losses=LAYOUT.pattern("feature_losses"),
    log:
        log_of("feature_losses/{run}"),
    benchmark:
        benchmark_of("feature_losses/{run}")
    priority: 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.evaluate_mb, minutes=30),
    params:
        **stage("extensions.imbalanced.feature_losses"),
    shell:
        job(ON_DEVICE)
