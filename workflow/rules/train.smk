"""One job per run: train, keep checkpoints, survive being killed; or adopt a run that was trained elsewhere."""

WEIGHTS = f"{RESULTS}/{{variant}}/runs/{{run}}/checkpoints"


# A folder of runs that were trained elsewhere; None if they are trained here.
ADOPTED = config["runs"]["folder"]


rule train:
    input:
        **({"theirs": f"{ADOPTED}/{{run}}/manifest.json"} if ADOPTED else {}),
    output:
        weights=(
            directory(WEIGHTS) if config["keep_weights"] else temp(directory(WEIGHTS))
        ),
        manifest=f"{RESULTS}/{{variant}}/runs/{{run}}/checkpoints.json",
        training=LAYOUT.pattern("training"),
    log:
        log_of("train/{run}"),
    benchmark:
        benchmark_of("train/{run}")
    priority: 5
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        **computing(sizing.train_mb, minutes=60),
        state_seconds=STATE_SECONDS,
        cohort=cohort,
        stacks=int(config["compute"]["stack"] > 1),
    params:
        **stage("training.adopt" if ADOPTED else "training.train"),
        scratch=scratch,
    shell:
        job(
            f"exec {ON_DEVICE}",
            "--scratch {params.scratch} --state-seconds {resources.state_seconds}",
            "--cohort {resources.cohort}",
        )


rule train_all:
    input:
        manifests(VARIANTS),
