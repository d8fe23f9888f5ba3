"""Joint trajectory PCA of all runs of a variant."""


rule joint_pca:
    input:
        outputs=of_all_runs("outputs.parquet"),
        idealised=rules.idealised.output.outputs,
    output:
        trajectories=f"{RESULTS}/{{variant}}/tables/pca_trajectories.parquet",
        points=f"{RESULTS}/{{variant}}/tables/pca_idealised.parquet",
        variance=f"{RESULTS}/{{variant}}/tables/pca_variance.parquet",
        loadings=f"{RESULTS}/{{variant}}/tables/pca_loadings.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/joint_pca.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/joint_pca.tsv"
    conda:
        ENVIRONMENT
    threads: workflow.cores or 1
    resources:
        mem_mb=memory(needs.pca_mb, gpus=0),
        runtime=pca_minutes(lambda variant: 1),
    params:
        settings=stage_settings("pca"),
        code=code_of("analysis.joint_pca"),
    shell:
        "python -m transient_ridge pca --settings {params.settings:q} --outputs {input.outputs} "
        "--idealised {input.idealised} --trajectories {output.trajectories} --points {output.points} "
        "--variance {output.variance} --loadings {output.loadings} > {log} 2>&1"


rule pca_robustness:
    """The joint PCA again with other choices of B, checkpoints and runs."""
    input:
        outputs=of_all_runs("outputs.parquet"),
    output:
        f"{RESULTS}/{{variant}}/tables/pca_robustness.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/pca_robustness.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/pca_robustness.tsv"
    conda:
        ENVIRONMENT
    threads: workflow.cores or 1
    resources:
        mem_mb=memory(needs.pca_mb, gpus=0),
        runtime=pca_minutes(needs.robustness_fits),
    params:
        settings=stage_settings("pca_robustness"),
        code=code_of("analysis.pca_robustness"),
    shell:
        "python -m transient_ridge pca-robustness --settings {params.settings:q} "
        "--outputs {input.outputs} --robustness {output} > {log} 2>&1"
