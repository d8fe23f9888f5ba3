"""Dynamics of transient structure in in-context linear regression transformers (arXiv 2501.17745).

snakemake --cores all                                       the default preset, laptop
snakemake --cores all --configfile config/smoke.yaml        another preset
"""

from snakemake.utils import min_version

min_version("9.14.6")


configfile: "config/config.yaml"


report: "workflow/report/landing.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/config.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/pca.smk"
include: "workflow/rules/llc.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/variants.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/pages.smk"


for RULES in in_extensions("rules.smk"):

    include: RULES


localrules:
    all,
    train_all,
    evaluate_all,
    llc_all,
    llc_calibration_all,
    llc_crosscheck_all,


rule all:
    default_target: True
    input:
        f"{RESULTS}/config.yaml",
        LAYOUT.tables(),
        figure_files(),
        LAYOUT.pages(),
