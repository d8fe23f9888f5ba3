rule head_ablation:
    """The last checkpoint of one run without each of its heads."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        head_ablation=LAYOUT.pattern("head_ablation"),
    log:
        log_of("head_ablation/{run}"),
    benchmark:
        benchmark_of("head_ablation/{run}")
    priority: 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.evaluate_mb, minutes=10),
    params:
        **stage("extensions.sparse.head_ablation"),
    shell:
        job(ON_DEVICE)
