"""Losses, distances and outputs of every checkpoint, and of the idealised predictors."""


rule evaluate:
    input:
        manifest=rules.train.output.manifest,
        weights=ancient(rules.train.output.weights),  # the manifest holds its checksums
    output:
        losses=f"{RESULTS}/{{variant}}/runs/{{run}}/losses.parquet",
        distances=f"{RESULTS}/{{variant}}/runs/{{run}}/distances.parquet",
        outputs=f"{RESULTS}/{{variant}}/runs/{{run}}/outputs.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/evaluate/{{run}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/evaluate/{{run}}.tsv"
    # Before more training, so that weights that are not kept leave the disk early.
    priority: 10
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(needs.evaluate_mb),
        device=DEVICE,
        gpu=GPUS,
        gpu_mem_mb=gpu_memory(needs.evaluate_mb),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=stage_settings("evaluate"),
        code=code_of("analysis.evaluate"),
    shell:
        "python -m transient_ridge evaluate --run {wildcards.run} --settings {params.settings:q} "
        "--manifest {input.manifest} --weights {input.weights} --losses {output.losses} "
        "--distances {output.distances} --outputs {output.outputs} --device {resources.device} "
        "--threads {threads} > {log} 2>&1"


rule evaluate_all:
    input:
        of_all_variants("losses.parquet"),


rule idealised:
    output:
        losses=f"{RESULTS}/{{variant}}/tables/idealised_losses.parquet",
        distances=f"{RESULTS}/{{variant}}/tables/idealised_distances.parquet",
        outputs=f"{RESULTS}/{{variant}}/tables/idealised_outputs.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/idealised.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/idealised.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=stage_settings("idealised"),
        code=code_of("analysis.evaluate"),
    shell:
        "python -m transient_ridge idealised --settings {params.settings:q} --losses {output.losses} "
        "--distances {output.distances} --outputs {output.outputs} > {log} 2>&1"


rule curves:
    input:
        losses=of_all_runs("losses.parquet"),
    output:
        critical_steps=f"{RESULTS}/{{variant}}/tables/critical_steps.parquet",
        smoothed=f"{RESULTS}/{{variant}}/tables/smoothed_losses.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/curves.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/curves.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=stage_settings("curves"),
        code=code_of("analysis.curves"),
    shell:
        "python -m transient_ridge curves --settings {params.settings:q} --losses {input.losses} "
        "--critical-steps {output.critical_steps} --smoothed {output.smoothed} > {log} 2>&1"
