"""Tables that compare variants, where a preset has such (configuration.comparisons)."""

if "front" in LAYOUT.compared:

    rule front:
        input:
            relative_distances=of_variants(
                LAYOUT.compared["front"], "relative_distances"
            ),
            critical_steps=of_variants(LAYOUT.compared["front"], "critical_steps"),
            # Their records say what training took.
            manifests=[
                path
                for variant in LAYOUT.compared["front"]
                for path in expand(
                    rules.train.output.manifest, variant=variant, run=RUNS[variant]
                )
            ],
        output:
            front=LAYOUT.pattern("front"),
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


if "averaging" in LAYOUT.compared:

    rule averaging:
        input:
            losses=of_variants(LAYOUT.compared["averaging"], "losses"),
            distances=of_variants(LAYOUT.compared["averaging"], "distances"),
        output:
            averaging=LAYOUT.pattern("averaging"),
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
