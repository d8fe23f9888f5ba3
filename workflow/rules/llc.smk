"""The local learning coefficient: estimates by chunks of checkpoints, calibration, and the check against devinterp."""


rule llc:
    """One run and one chunk of its checkpoints."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        llc=LAYOUT.pattern("llc"),
        llc_traces=LAYOUT.pattern("llc_traces"),
    log:
        log_of("llc/{run}-{chunk}"),
    benchmark:
        benchmark_of("llc/{run}-{chunk}")
    # If weights are kept, after all training, so that no core is idle while the last run trains.
    priority: 0 if config["keep_weights"] else 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.llc_mb, minutes=60),
    params:
        **stage("llc.stages.llc"),
        steps=lambda wildcards: LAYOUT.chunks[wildcards.variant][int(wildcards.chunk)],
    shell:
        job(ON_DEVICE, "--steps {params.steps}")


# All chunks of all runs in one table.
use rule curves as join_llc with:
    input:
        llc=parts("llc"),
        llc_traces=parts("llc_traces"),
    output:
        llc=LAYOUT.pattern("llc", joined=True),
        llc_traces=LAYOUT.pattern("llc_traces", joined=True),
    log:
        log_of("join_llc"),
    benchmark:
        benchmark_of("join_llc")
    params:
        **stage("llc.stages.join"),


# Curvature of one run, and the LLC that it implies at every resolution.
rule spectrum:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        spectrum=LAYOUT.pattern("spectrum"),
        quadratic_llc=LAYOUT.pattern("quadratic_llc"),
    log:
        log_of("spectrum/{run}"),
    benchmark:
        benchmark_of("spectrum/{run}")
    priority: 0 if config["keep_weights"] else 10
    group:
        OF_RUN
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.spectrum_mb, minutes=60),
    params:
        **stage("llc.stages.spectrum"),
    shell:
        job(ON_DEVICE)


# The M = infinity run of the same seed, sampled with data of one run.
use rule spectrum as llc_on_tasks with:
    input:
        manifest=of_infinity(rules.train.output.manifest),
        weights=ancient(of_infinity(rules.train.output.weights)),
    output:
        llc_on_tasks=LAYOUT.pattern("llc_on_tasks"),
    log:
        log_of("llc_on_tasks/{run}"),
    benchmark:
        benchmark_of("llc_on_tasks/{run}")
    group:
        ON_TASKS
    resources:
        **computing(sizing.llc_mb, minutes=60),
    params:
        **stage("llc.stages.llc_on_tasks"),


# The M = infinity run of the same seed, with data of one run.
use rule spectrum as spectrum_on_tasks with:
    input:
        manifest=of_infinity(rules.train.output.manifest),
        weights=ancient(of_infinity(rules.train.output.weights)),
    output:
        quadratic_llc_on_tasks=LAYOUT.pattern("quadratic_llc_on_tasks"),
    log:
        log_of("spectrum_on_tasks/{run}"),
    benchmark:
        benchmark_of("spectrum_on_tasks/{run}")
    group:
        ON_TASKS
    params:
        **stage("llc.stages.spectrum_on_tasks"),


# The last checkpoint of one run, sampled at every n beta and resolution.
rule llc_ladder:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        llc_ladder=LAYOUT.pattern("llc_ladder"),
    log:
        log_of("llc_ladder/{run}"),
    benchmark:
        benchmark_of("llc_ladder/{run}")
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.ladder_mb, minutes=240),
    params:
        **stage("llc.stages.ladder"),
    shell:
        job(ON_DEVICE)


# One run at every setting of the sweep.
use rule llc_ladder as llc_calibration with:
    output:
        llc_calibration=LAYOUT.pattern("llc_calibration"),
        llc_calibration_traces=LAYOUT.pattern("llc_calibration_traces"),
    log:
        log_of("llc_calibration/{run}"),
    benchmark:
        benchmark_of("llc_calibration/{run}")
    resources:
        **computing(sizing.calibration_mb, minutes=120),
    params:
        **stage("llc.stages.calibration"),


# Plain SGLD by our sampler and devinterp's on the same checkpoints of one run.
use rule llc_ladder as llc_crosscheck with:
    output:
        llc_crosscheck=LAYOUT.pattern("llc_crosscheck"),
    log:
        log_of("llc_crosscheck/{run}"),
    benchmark:
        benchmark_of("llc_crosscheck/{run}")
    resources:
        **computing(sizing.llc_mb, minutes=60),
    params:
        **stage(
            "llc.stages.crosscheck",
            also=(
                "llc.samplers.sgld",
                "llc.samplers.devinterp",
                "llc.preconditioners.none",
            ),
        ),


rule llc_all:
    input:
        of_variants(VARIANTS, "llc", "llc_traces"),
        expand(LAYOUT.pattern("llc", joined=True), variant=VARIANTS),
        expand(LAYOUT.pattern("llc_traces", joined=True), variant=VARIANTS),


rule llc_ladder_all:
    """On request: the LLC as a function of resolution, sampled."""
    input:
        figure_files("llc_ladder"),
        of_variants(VARIANTS, "llc_ladder"),


rule llc_calibration_all:
    """On request: done once for a preset, whose configuration holds the outcome."""
    input:
        figure_files("llc_calibration"),
        of_variants(VARIANTS, "llc_calibration", "llc_recommendation"),


rule llc_crosscheck_all:
    """On request: our SGLD against devinterp's."""
    input:
        figure_files("llc_crosscheck"),
        of_variants(VARIANTS, "llc_crosscheck"),
