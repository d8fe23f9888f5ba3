"""Pages for people: the interactive explorer, the tables of the report, and the README of all tables."""


rule explorer:
    input:
        unpack(
            tables_of(
                "pca_trajectories",
                "pca_idealised",
                "pca_variance",
                "smoothed_losses",
                "idealised_losses",
                "critical_steps",
                "relative_distances",
                "llc",
            )
        ),
    output:
        report(
            f"{RESULTS}/{{variant}}/explorer.html",
            caption="../report/explorer.rst",
            category="Explorer",
            labels={"variant": "{variant}"},
        ),
    log:
        f"{RESULTS}/{{variant}}/logs/explorer.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/explorer.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        settings=lambda wildcards: json.dumps(
            {"title": f"transient-ridge: {config['preset']}, {wildcards.variant}"}
        ),
        code=code_of("report.explorer"),
        assets=sources.assets("report.explorer"),
        tables=named_tables,
    shell:
        "python -m transient_ridge explorer --settings {params.settings:q} --tables {params.tables} "
        "--page {output} > {log} 2>&1"


rule report_page:
    """The short tables as one page of the report."""
    input:
        unpack(
            tables_of(
                "claims",
                "thresholds",
                "selection",
                "critical_steps",
                "pca_variance",
                "pca_robustness",
            )
        ),
    output:
        report(
            f"{RESULTS}/{{variant}}/tables.html",
            caption="../report/tables.rst",
            category="Tables",
            labels={"variant": "{variant}"},
        ),
    log:
        f"{RESULTS}/{{variant}}/logs/report_page.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/report_page.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=code_of("report.tables_page"),
        tables=named_tables,
    shell:
        "python -m transient_ridge report-page --tables {params.tables} --page {output} > {log} 2>&1"


rule readme:
    """Every table, its columns, and how to read it."""
    output:
        f"{RESULTS}/README.md",
    log:
        f"{RESULTS}/logs/readme.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        code=code_of("report.tables_page"),
        columns=sources.module_digest("artefacts.tables"),
        preset=config["preset"],
        variants=list(VARIANTS),
        of_a_run=TABLES_OF_A_RUN,
        of_a_variant=TABLES_OF_A_VARIANT,
    shell:
        "python -m transient_ridge readme --preset {params.preset} --variants {params.variants} "
        "--of-a-run {params.of_a_run} --of-a-variant {params.of_a_variant} --page {output} > {log} 2>&1"
