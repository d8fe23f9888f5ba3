"""The phases of training, the trade-off of loss against complexity, and the scorecard."""

STATED_BY_EXTENSIONS = tuple(map(module_name, in_extensions("statements.py")))


use rule curves as phases with:
    input:
        unpack(tables("distances", "idealised_distances")),
    output:
        relative_distances=LAYOUT.pattern("relative_distances"),
        thresholds=LAYOUT.pattern("thresholds"),
    log:
        log_of("phases"),
    benchmark:
        benchmark_of("phases")
    params:
        **stage("analysis.phases"),


use rule curves as selection with:
    input:
        unpack(tables(*tables_read_by("analysis.model_selection.selection"))),
    output:
        selection=LAYOUT.pattern("selection"),
        log_odds=LAYOUT.pattern("log_odds"),
    log:
        log_of("selection"),
    benchmark:
        benchmark_of("selection")
    params:
        **stage("analysis.model_selection.selection"),


# The trade-off by the quadratic LLCs at every resolution.
use rule curves as selection_by_resolution with:
    input:
        unpack(tables(*tables_read_by("analysis.model_selection.by_resolution"))),
    output:
        selection_by_resolution=LAYOUT.pattern("selection_by_resolution"),
    log:
        log_of("selection_by_resolution"),
    benchmark:
        benchmark_of("selection_by_resolution")
    params:
        **stage("analysis.model_selection.by_resolution"),


# Claims 8 and 9 at every resolution of the quadratic LLCs.
use rule curves as claims_by_resolution with:
    input:
        unpack(tables(*tables_read_by("scorecard.by_resolution"))),
    output:
        claims_by_resolution=LAYOUT.pattern("claims_by_resolution"),
    log:
        log_of("claims_by_resolution"),
    benchmark:
        benchmark_of("claims_by_resolution")
    params:
        **stage("scorecard.by_resolution"),


# When runs turn: by the LLC at every resolution, by the compressed size, and by M itself.
use rule curves as accounts with:
    input:
        unpack(tables(*tables_read_by("analysis.model_selection.accounts"))),
    output:
        accounts=LAYOUT.pattern("accounts"),
        account_points=LAYOUT.pattern("account_points"),
    log:
        log_of("accounts"),
    benchmark:
        benchmark_of("accounts")
    params:
        **stage("analysis.model_selection.accounts"),


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
