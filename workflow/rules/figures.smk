"""One rule per figure, drawn from tables alone."""

for FIGURE in CATALOGUE:

    rule:
        name:
            f"figure_{FIGURE}"
        input:
            unpack(tables_of(*CATALOGUE[FIGURE])),
        output:
            png=report(
                f"{RESULTS}/{{variant}}/figures/{FIGURE}.png",
                caption=f"../report/{FIGURE}.rst",
                category="Figures",
                subcategory="{variant}",
                labels=labels_of_figure(FIGURE),
            ),
            svg=f"{RESULTS}/{{variant}}/figures/{FIGURE}.svg",
        log:
            f"{RESULTS}/{{variant}}/logs/figures/{FIGURE}.log",
        benchmark:
            f"{RESULTS}/{{variant}}/benchmarks/figures/{FIGURE}.tsv"
        conda:
            ENVIRONMENT
        resources:
            mem_mb=lambda wildcards, attempt: 1500 * attempt,
            runtime=lambda wildcards, attempt: 10 * attempt,
        params:
            figure=FIGURE,
            code=code_of(f"figures.{module_of(FIGURE)}"),
            render=code_of("figures.drawing.rendering"),
            tables=named_tables,
        shell:
            "python -m transient_ridge figure {params.figure} --tables {params.tables} "
            "--png {output.png} --svg {output.svg} > {log} 2>&1"


rule figures:
    input:
        figure_files(),
