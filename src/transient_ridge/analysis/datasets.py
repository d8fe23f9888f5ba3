"""Names of the evaluation sets in tables."""

IN_DISTRIBUTION = "in_distribution"  # q_M
OUT_OF_DISTRIBUTION = "out_of_distribution"  # q_inf
ROOT = "root_task"  # q_1, the D(1) of the joint PCA
