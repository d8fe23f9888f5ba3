"""One job per figure, drawn from tables alone."""


rule figure:
    input:
        unpack(tables_of_figure),
    output:
        png=report(
            f"{RESULTS}/{{variant}}/figures/{{figure}}.png",
            caption="../report/{figure}.rst",
            category="Figures",
            subcategory="{variant}",
            labels={"figure": "{figure}"},
        ),
        svg=f"{RESULTS}/{{variant}}/figures/{{figure}}.svg",
    log:
        f"{RESULTS}/{{variant}}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/figures/{{figure}}.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=lambda wildcards: code_of(f"figures.{wildcards.figure}"),
        render=code_of("figures.rendering"),
        tables=lambda wildcards, input: [
            f"{table}={path}"
            for table, paths in input.items()
            for path in ([paths] if isinstance(paths, str) else paths)
        ],
    shell:
        "python -m transient_ridge figure {wildcards.figure} --tables {params.tables} "
        "--png {output.png} --svg {output.svg} > {log} 2>&1"


rule figures:
    input:
        figure_files(),
