"""One rule per figure, drawn only from tables, which the modules of `figures/` name."""

for FIGURE, ENTRY in catalogue().items():
    if LAYOUT.drawn_in(ENTRY):

        rule:
            name:
                f"figure_{FIGURE}"
            input:
                unpack(tables_of_figure(ENTRY)),
            output:
                png=report(
                    f"{LAYOUT.home(ENTRY)}/figures/{FIGURE}.png",
                    caption=str(ENTRY.caption),
                    category="Figures",
                    subcategory=Path(LAYOUT.home(ENTRY)).name,
                    labels=labels_of_figure(FIGURE),
                ),
                svg=f"{LAYOUT.home(ENTRY)}/figures/{FIGURE}.svg",
            log:
                f"{LAYOUT.home(ENTRY)}/logs/figures/{FIGURE}.log",
            benchmark:
                f"{LAYOUT.home(ENTRY)}/benchmarks/figures/{FIGURE}.tsv"
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
