# The gate on each task, where tasks have unequal frequency.
use rule evaluate as task_gates with:
    output:
        task_gates=LAYOUT.pattern("task_gates"),
    log:
        log_of("task_gates/{run}"),
    benchmark:
        benchmark_of("task_gates/{run}")
    params:
        **stage("extensions.in_weight.task_gates"),
