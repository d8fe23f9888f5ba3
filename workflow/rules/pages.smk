"""Pages for people: the interactive explorer, the tables of the report, and the README of all tables."""


use rule curves as explorer with:
    input:
        unpack(tables(*tables_read_by("report.explorer"))),
    output:
        page=report(
            f"{RESULTS}/{{variant}}/explorer.html",
            caption="../report/explorer.rst",
            category="Explorer",
            labels={"variant": "{variant}"},
        ),
    log:
        log_of("explorer"),
    benchmark:
        benchmark_of("explorer")
    params:
        **stage("report.explorer"),


# The short tables as one page of the report.
use rule curves as tables_page with:
    input:
        unpack(tables(*tables_read_by("report.tables_page"))),
    output:
        page=report(
            f"{RESULTS}/{{variant}}/tables.html",
            caption="../report/tables.rst",
            category="Tables",
            labels={"variant": "{variant}"},
        ),
    log:
        log_of("tables_page"),
    benchmark:
        benchmark_of("tables_page")
    resources:
        **light(mb=1000),
    params:
        **stage("report.tables_page"),


rule tables_readme:
    """Every table, its columns, and how to read it."""
    output:
        page=f"{RESULTS}/README.md",
    log:
        f"{RESULTS}/logs/tables_readme.log",
    localrule: True
    conda:
        ENVIRONMENT
    params:
        **stage(
            "report.tables_readme",
            also=(
                "artefacts.columns",
                "artefacts.schemas",
                *map(module_name, in_extensions("tables.py")),
            ),
        ),
    shell:
        job(STAGE)
