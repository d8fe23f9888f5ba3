"""Joint trajectory PCA of all runs of a variant."""


rule joint_pca:
    input:
        outputs=parts("outputs"),
        idealised_outputs=rules.idealised.output.idealised_outputs,
        softened_outputs=rules.softened.output.softened_outputs,
    output:
        pca_trajectories=LAYOUT.pattern("pca_trajectories"),
        pca_idealised=LAYOUT.pattern("pca_idealised"),
        pca_softened=LAYOUT.pattern("pca_softened"),
        pca_variance=LAYOUT.pattern("pca_variance"),
        pca_loadings=LAYOUT.pattern("pca_loadings"),
    log:
        log_of("joint_pca"),
    benchmark:
        benchmark_of("joint_pca")
    group:
        "analysis"
    conda:
        ENVIRONMENT
    threads: workflow.cores or 1
    resources:
        **IN_TURN,
        mem_mb=memory(sizing.pca_mb, gpus=0),
        runtime=pca_minutes(lambda variant: 1),
    params:
        **stage("analysis.joint_pca"),
    shell:
        job(STAGE, "--threads {threads}")


rule pca_robustness:
    """The joint PCA again with other choices of B, checkpoints and runs."""
    input:
        outputs=parts("outputs"),
    output:
        pca_robustness=LAYOUT.pattern("pca_robustness"),
    log:
        log_of("pca_robustness"),
    benchmark:
        benchmark_of("pca_robustness")
    conda:
        ENVIRONMENT
    threads: workflow.cores or 1
    resources:
        mem_mb=memory(sizing.pca_mb, gpus=0),
        runtime=pca_minutes(sizing.robustness_fits),
    params:
        **stage("analysis.pca_robustness"),
    shell:
        job(STAGE, "--threads {threads}")
