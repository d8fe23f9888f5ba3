"""One rule per figure, drawn from tables alone: the modules of `figures/` that say which tables they read."""

for FIGURE, ENTRY in catalogue().items():

    rule:
        name:
            f"figure_{FIGURE}"
        input:
            unpack(tables(*ENTRY.tables)),
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
            log_of(f"figures/{FIGURE}"),
        benchmark:
            benchmark_of(f"figures/{FIGURE}")
        group:
            "analysis"
        conda:
            ENVIRONMENT
        resources:
            **light(),
        params:
            **stage(ENTRY.module),
        shell:
            job(STAGE)


rule figures:
    input:
        figure_files(),
