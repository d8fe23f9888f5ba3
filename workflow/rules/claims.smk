"""The phases of training, the trade-off of loss against complexity, and the scorecard."""


rule phases:
    input:
        distances=of_all_runs("distances.parquet"),
    output:
        relative_distances=f"{RESULTS}/{{variant}}/tables/relative_distances.parquet",
        thresholds=f"{RESULTS}/{{variant}}/tables/thresholds.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/phases.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/phases.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=stage_settings("phases"),
        code=code_of("analysis.phases"),
    shell:
        "python -m transient_ridge phases --settings {params.settings:q} --distances {input.distances} "
        "--relative-distances {output.relative_distances} --thresholds {output.thresholds} > {log} 2>&1"


rule selection:
    input:
        unpack(
            tables_of(
                "relative_distances",
                "critical_steps",
                "smoothed_losses",
                "idealised_losses",
                "llc",
            )
        ),
    output:
        selection=f"{RESULTS}/{{variant}}/tables/selection.parquet",
        log_odds=f"{RESULTS}/{{variant}}/tables/log_odds.parquet",
    log:
        f"{RESULTS}/{{variant}}/logs/selection.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/selection.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=stage_settings("selection"),
        code=code_of("analysis.selection"),
        tables=named_tables,
    shell:
        "python -m transient_ridge selection --settings {params.settings:q} --tables {params.tables} "
        "--selection {output.selection} --log-odds {output.log_odds} > {log} 2>&1"


rule claims:
    input:
        unpack(
            tables_of(
                "relative_distances",
                "thresholds",
                "smoothed_losses",
                "idealised_losses",
                "idealised_distances",
                "pca_trajectories",
                "pca_idealised",
                "pca_variance",
                "pca_loadings",
                "pca_robustness",
                "selection",
                "llc",
            )
        ),
    output:
        claims=f"{RESULTS}/{{variant}}/tables/claims.parquet",
        page=f"{RESULTS}/{{variant}}/claims.md",
    log:
        f"{RESULTS}/{{variant}}/logs/claims.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/claims.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=stage_settings("claims"),
        code=code_of("scorecard.claims"),
        tables=named_tables,
    shell:
        "python -m transient_ridge claims --settings {params.settings:q} --tables {params.tables} "
        "--claims {output.claims} --page {output.page} > {log} 2>&1"
