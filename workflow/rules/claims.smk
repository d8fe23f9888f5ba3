"""The phases of training, the trade-off of loss against complexity, and the scorecard."""

STATED_BY_EXTENSIONS = tuple(map(module_name, in_extensions("statements.py")))


use rule curves as claims with:
    input:
        unpack(tables(*judged())),
    output:
        claims=LAYOUT.pattern("claims"),
        claim_values=LAYOUT.pattern("claim_values"),
        page=f"{RESULTS}/{{variant}}/claims.md",
    log:
        log_of("claims"),
    benchmark:
        benchmark_of("claims")
    params:
        **stage("scorecard.claims", also=STATED_BY_EXTENSIONS),


if LAYOUT.root_seeds:

    # The scorecard over variants that differ only in their root seed.
    use rule curves as root_seeds with:
        input:
            claim_values=expand(
                LAYOUT.pattern("claim_values"), variant=LAYOUT.root_seeds
            ),
        output:
            claims=f"{RESULTS}/root-seeds/tables/claims.parquet",
            page=report(
                f"{RESULTS}/root-seeds/claims.md",
                caption="../report/root_seeds.rst",
                category="Tables",
                labels={"variant": "root seeds"},
            ),
        log:
            f"{RESULTS}/root-seeds/logs/root_seeds.log",
        benchmark:
            f"{RESULTS}/root-seeds/benchmarks/root_seeds.tsv"
        params:
            **stage("scorecard.root_seeds", also=STATED_BY_EXTENSIONS),
