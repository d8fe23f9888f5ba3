"""Losses, distances and outputs of every checkpoint, and of the idealised predictors."""


rule evaluate:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        losses=table("losses"),
        distances=table("distances"),
        outputs=table("outputs"),
    log:
        log_of("evaluate/{run}"),
    benchmark:
        benchmark_of("evaluate/{run}")
    # Before more training, so that weights that are not kept leave the disk early.
    priority: 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.evaluate_mb, minutes=30),
    params:
        **stage("analysis.evaluate"),
    shell:
        job(ON_DEVICE)


rule evaluate_all:
    input:
        of_all_variants("losses"),


rule feature_losses:
    """The loss by feature of x, where the input law has features."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        feature_losses=table("feature_losses"),
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


rule task_gates:
    """The gate on each task, where tasks are of unequal frequency."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        task_gates=table("task_gates"),
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


rule ridge_on_tasks:
    """The M = infinity run of the same seed on the tasks of one run."""
    input:
        manifest=of_infinity(rules.train.output.manifest),
        weights=ancient(of_infinity(rules.train.output.weights)),
    output:
        ridge_on_tasks=table("ridge_on_tasks"),
    log:
        log_of("ridge_on_tasks/{run}"),
    benchmark:
        benchmark_of("ridge_on_tasks/{run}")
    priority: 10
    group:
        ON_TASKS
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.evaluate_mb, minutes=10),
    params:
        **stage("analysis.ridge_on_tasks"),
    shell:
        job(ON_DEVICE)


rule head_ablation:
    """The last checkpoint of one run without each of its heads."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        head_ablation=table("head_ablation"),
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


rule idealised:
    output:
        idealised_losses=table("idealised_losses"),
        idealised_distances=table("idealised_distances"),
        idealised_outputs=table("idealised_outputs"),
    log:
        log_of("idealised"),
    benchmark:
        benchmark_of("idealised")
    group:
        "analysis"
    conda:
        ENVIRONMENT
    resources:
        **light(minutes=30),
    params:
        **stage("analysis.idealised"),
    shell:
        job(STAGE)


rule curves:
    input:
        losses=parts("losses"),
    output:
        critical_steps=table("critical_steps"),
        smoothed_losses=table("smoothed_losses"),
    log:
        log_of("curves"),
    benchmark:
        benchmark_of("curves")
    group:
        "analysis"
    conda:
        ENVIRONMENT
    resources:
        **light(),
    params:
        **stage("analysis.curves"),
    shell:
        job(STAGE)


rule gates:
    input:
        unpack(tables("distances", "idealised_distances")),
    output:
        gates=table("gates"),
        strategies=table("strategies"),
    log:
        log_of("gates"),
    benchmark:
        benchmark_of("gates")
    group:
        "analysis"
    conda:
        ENVIRONMENT
    resources:
        **light(),
    params:
        **stage("analysis.gates"),
    shell:
        job(STAGE)
