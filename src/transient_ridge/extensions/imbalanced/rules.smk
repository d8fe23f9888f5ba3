# The loss by feature of x, where the input law has features.
use rule evaluate as feature_losses with:
    output:
        feature_losses=LAYOUT.pattern("feature_losses"),
    log:
        log_of("feature_losses/{run}"),
    benchmark:
        benchmark_of("feature_losses/{run}")
    params:
        **stage("extensions.imbalanced.feature_losses"),
