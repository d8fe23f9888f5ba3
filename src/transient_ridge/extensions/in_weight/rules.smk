rule task_gates:
    """The gate on each task, where tasks are of unequal frequency."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        task_gates=LAYOUT.pattern("task_gates"),
    log:
        log_of("task_gates/{run}"),
    benchmark:
        benchmark_of("task_gates/{run}")
    priority: 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.evaluate_mb, minutes=30),
    params:
        **stage("extensions.in_weight.task_gates"),
    shell:
        job(ON_DEVICE)
