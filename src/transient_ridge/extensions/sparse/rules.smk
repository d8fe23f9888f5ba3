# The last checkpoint of one run without each of its heads.
use rule evaluate as head_ablation with:
    output:
        head_ablation=LAYOUT.pattern("head_ablation"),
    log:
        log_of("head_ablation/{run}"),
    benchmark:
        benchmark_of("head_ablation/{run}")
    resources:
        **computing(sizing.evaluate_mb, minutes=10),
    params:
        **stage("extensions.sparse.head_ablation"),
