"""One job per figure, drawn from tables alone."""

# Tables that exist once per run; every other one exists once per variant.
PER_RUN = {"training", "losses", "distances"}


def tables_of_figure(wildcards):
    """Input function: for each table that the figure reads, its files."""
    return {
        table: (
            of_all_runs(f"{table}.parquet")(wildcards)
            if table in PER_RUN
            else f"{RESULTS}/{wildcards.variant}/tables/{table}.parquet"
        )
        for table in CATALOGUE[wildcards.figure]
    }


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
    params:
        code=lambda wildcards: code_of(f"figures.{wildcards.figure}"),
        render=code_of("figures"),
    resources:
        mem_mb=2000,
        runtime=lambda wildcards, attempt: 10 * attempt,
    log:
        f"{RESULTS}/{{variant}}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/{{variant}}/benchmarks/figures/{{figure}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/figure.py"


rule figures:
    input:
        figure_files(),
