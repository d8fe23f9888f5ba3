"""`snakemake --cores all` in this folder runs workflow/Snakefile, where everything is."""


include: "workflow/Snakefile"


localrules:
    everything,


rule everything:
    """Snakemake takes no default target from a file that is included."""
    default_target: True
    input:
        rules.all.input,
