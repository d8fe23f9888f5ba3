"""Tables that compare variants, in presets with variants to compare (configuration.comparisons)."""

if "front" in LAYOUT.compared:

    use rule curves as front with:
        input:
            relative_distances=of_variants(
                LAYOUT.compared["front"], "relative_distances"
            ),
            critical_steps=of_variants(LAYOUT.compared["front"], "critical_steps"),
            # Their records have the cost of training.
            manifests=manifests(LAYOUT.compared["front"]),
        output:
            front=LAYOUT.pattern("front"),
        log:
            f"{RESULTS}/variants/logs/front.log",
        benchmark:
            f"{RESULTS}/variants/benchmarks/front.tsv"
        params:
            **stage("analysis.variants.front"),


if "averaging" in LAYOUT.compared:

    use rule curves as averaging with:
        input:
            losses=of_variants(LAYOUT.compared["averaging"], "losses"),
            distances=of_variants(LAYOUT.compared["averaging"], "distances"),
        output:
            averaging=LAYOUT.pattern("averaging"),
        log:
            f"{RESULTS}/variants/logs/averaging.log",
        benchmark:
            f"{RESULTS}/variants/benchmarks/averaging.tsv"
        params:
            **stage("analysis.variants.averaging"),
