"""One job per run: train, keep checkpoints, survive being killed."""

WEIGHTS = f"{RESULTS}/{{variant}}/runs/{{run}}/checkpoints"


rule train:
    output:
        weights=(
            directory(WEIGHTS) if config["keep_weights"] else temp(directory(WEIGHTS))
        ),
        manifest=f"{RESULTS}/{{variant}}/runs/{{run}}/checkpoints.json",
        curve=f"{RESULTS}/{{variant}}/runs/{{run}}/training.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/train/{{run}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/train/{{run}}.tsv"
    priority: 5
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(needs.train_mb),
        device=DEVICE,
        gpu=GPUS,
        gpu_mem_mb=gpu_memory(needs.train_mb),
        state_seconds=STATE_SECONDS,
        cohort=cohort,
        stacks=int(config["compute"]["stack"] > 1),
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=stage_settings("train"),
        code=code_of("training.train"),
        scratch=scratch,
    shell:
        "exec python -m transient_ridge train --run {wildcards.run} --settings {params.settings:q} "
        "--weights {output.weights} --manifest {output.manifest} --curve {output.curve} "
        "--scratch {params.scratch} --device {resources.device} --threads {threads} "
        "--state-seconds {resources.state_seconds} --cohort {resources.cohort} > {log} 2>&1"


rule train_all:
    input:
        of_all_variants("checkpoints.json"),
