"""Tables that compare variants, where a preset has such (configuration.comparisons)."""

if "front" in COMPARED:

    rule front:
        input:
            relative_distances=of_variants(COMPARED["front"], "relative_distances"),
            critical_steps=of_variants(COMPARED["front"], "critical_steps"),
            # Their records say what training took.
            manifests=[
                path
                for variant in COMPARED["front"]
                for path in expand(
                    rules.train.output.manifest, variant=variant, run=RUNS[variant]
                )
            ],
        output:
            front=table("front"),
        log:
            f"{RESULTS}/variants/logs/front.log",
        group:
            "analysis"
        conda:
            ENVIRONMENT
        resources:
            **light(),
        params:
            **stage("analysis.variants.front"),
        shell:
            job(STAGE)


if "averaging" in COMPARED:

    rule averaging:
        input:
            losses=of_variants(COMPARED["averaging"], "losses"),
            distances=of_variants(COMPARED["averaging"], "distances"),
        output:
            averaging=table("averaging"),
        log:
            f"{RESULTS}/variants/logs/averaging.log",
        group:
            "analysis"
        conda:
            ENVIRONMENT
        resources:
            **light(),
        params:
            **stage("analysis.variants.averaging"),
        shell:
            job(STAGE)
