"""Losses, distances and outputs of every checkpoint, and of the idealised predictors."""


rule evaluate:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        losses=LAYOUT.pattern("losses"),
        distances=LAYOUT.pattern("distances"),
        outputs=LAYOUT.pattern("outputs"),
    log:
        log_of("evaluate/{run}"),
    benchmark:
        benchmark_of("evaluate/{run}")
    # Before more training, so that weights that are not kept are soon deleted.
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
        of_variants(VARIANTS, "losses"),


# The M = infinity run of the same seed on the tasks of one run.
use rule evaluate as ridge_on_tasks with:
    input:
        manifest=of_infinity(rules.train.output.manifest),
        weights=ancient(of_infinity(rules.train.output.weights)),
    output:
        ridge_on_tasks=LAYOUT.pattern("ridge_on_tasks"),
    log:
        log_of("ridge_on_tasks/{run}"),
    benchmark:
        benchmark_of("ridge_on_tasks/{run}")
    group:
        ON_TASKS
    resources:
        **computing(sizing.evaluate_mb, minutes=10),
    params:
        **stage("analysis.ridge_on_tasks"),


rule idealised:
    output:
        idealised_losses=LAYOUT.pattern("idealised_losses"),
        idealised_distances=LAYOUT.pattern("idealised_distances"),
        idealised_outputs=LAYOUT.pattern("idealised_outputs"),
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


# dMMSE_M at higher temperatures, the path of a run that never learns ridge.
use rule idealised as softened with:
    output:
        softened_dmmse=LAYOUT.pattern("softened_dmmse"),
        softened_outputs=LAYOUT.pattern("softened_outputs"),
    log:
        log_of("softened"),
    benchmark:
        benchmark_of("softened")
    params:
        **stage("analysis.softened"),


use rule idealised as curves with:
    input:
        losses=parts("losses"),
    output:
        critical_steps=LAYOUT.pattern("critical_steps"),
        smoothed_losses=LAYOUT.pattern("smoothed_losses"),
    log:
        log_of("curves"),
    benchmark:
        benchmark_of("curves")
    resources:
        **light(),
    params:
        **stage("analysis.curves"),
