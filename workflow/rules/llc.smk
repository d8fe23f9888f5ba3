"""The local learning coefficient: estimates by chunks of checkpoints, calibration, and the check against devinterp."""


rule llc:
    """One run and one chunk of its checkpoints."""
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        estimates=f"{RESULTS}/{{variant}}/runs/{{run}}/llc/{{chunk}}.parquet",
        traces=f"{RESULTS}/{{variant}}/runs/{{run}}/llc_traces/{{chunk}}.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/llc/{{run}}-{{chunk}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/llc/{{run}}-{{chunk}}.tsv"
    # Where weights are kept, after all training: then no core is idle while the last run trains.
    priority: 0 if config["keep_weights"] else 10
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(needs.llc_mb),
        device=DEVICE,
        gpu=GPUS,
        gpu_mem_mb=gpu_memory(needs.llc_mb),
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=stage_settings("llc"),
        code=code_of("llc.llc"),
        steps=lambda wildcards: CHUNKS[wildcards.variant][int(wildcards.chunk)],
    shell:
        "python -m transient_ridge llc --run {wildcards.run} --settings {params.settings:q} "
        "--steps {params.steps} --manifest {input.manifest} --weights {input.weights} "
        "--estimates {output.estimates} --traces {output.traces} --device {resources.device} "
        "--threads {threads} > {log} 2>&1"


rule join_llc:
    """All chunks of all runs in one table."""
    input:
        lambda wildcards: chunk_files(wildcards.variant, wildcards.table),
    output:
        f"{RESULTS}/{{variant}}/tables/{{table}}.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/{{table}}.log",
    wildcard_constraints:
        table="llc|llc_traces",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    shell:
        "python -m transient_ridge join {wildcards.table} --parts {input} --output {output} > {log} 2>&1"


rule llc_calibrate_run:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        estimates=f"{RESULTS}/{{variant}}/runs/{{run}}/llc_calibration.parquet",
        traces=f"{RESULTS}/{{variant}}/runs/{{run}}/llc_calibration_traces.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/llc_calibration/{{run}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/llc_calibration/{{run}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(needs.calibration_mb),
        device=DEVICE,
        gpu=GPUS,
        gpu_mem_mb=gpu_memory(needs.calibration_mb),
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=stage_settings("llc_calibration"),
        code=code_of("llc.llc_calibration"),
    shell:
        "python -m transient_ridge llc-calibrate --run {wildcards.run} --settings {params.settings:q} "
        "--manifest {input.manifest} --weights {input.weights} --estimates {output.estimates} "
        "--traces {output.traces} --device {resources.device} --threads {threads} > {log} 2>&1"


rule llc_recommend:
    """The sweeps together, and which setting to use."""
    input:
        lambda wildcards: calibration_files(wildcards.variant, "llc_calibration"),
    output:
        f"{RESULTS}/{{variant}}/tables/llc_calibration.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/llc_calibration/recommendation.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=code_of("llc.llc_calibration"),
    shell:
        "python -m transient_ridge llc-recommend --sweeps {input} --output {output} > {log} 2>&1"


rule llc_crosscheck_run:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        f"{RESULTS}/{{variant}}/runs/{{run}}/llc_crosscheck.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/llc_crosscheck/{{run}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/llc_crosscheck/{{run}}.tsv"
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(needs.llc_mb),
        device=DEVICE,
        gpu=GPUS,
        gpu_mem_mb=gpu_memory(needs.llc_mb),
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=stage_settings("llc_crosscheck"),
        code=code_of("llc.llc_calibration"),
    shell:
        "python -m transient_ridge llc-crosscheck --run {wildcards.run} --settings {params.settings:q} "
        "--manifest {input.manifest} --weights {input.weights} --comparison {output} "
        "--device {resources.device} --threads {threads} > {log} 2>&1"


rule join_crosschecks:
    input:
        of_all_runs("llc_crosscheck.parquet"),
    output:
        f"{RESULTS}/{{variant}}/tables/llc_crosscheck.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/llc_crosscheck/all.log",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    shell:
        "python -m transient_ridge join llc_crosscheck --parts {input} --output {output} > {log} 2>&1"


rule llc_all:
    input:
        of_all_chunks(),
        expand(
            f"{RESULTS}/{{variant}}/tables/{{table}}.parquet",
            variant=VARIANTS,
            table=["llc", "llc_traces"],
        ),


rule llc_calibration:
    """On request: it is done once for a preset, whose config states the outcome."""
    input:
        figure_files("llc_calibration"),
        [
            path
            for variant in VARIANTS
            for path in calibration_files(variant, "llc_calibration")
        ],


rule llc_crosscheck:
    """On request: both backends on the same checkpoints."""
    input:
        figure_files("llc_crosscheck"),
        of_all_variants("llc_crosscheck.parquet"),
