"""Which tables each figure reads. Import-free, because Snakemake reads it before it plans anything."""

from pathlib import Path

CATALOGUE: dict[str, tuple[str, ...]] = {
    "figure1": (
        "smoothed_losses",
        "critical_steps",
        "idealised_losses",
        "distances",
        "pca_trajectories",
        "pca_idealised",
        "pca_variance",
    ),
    "in_distribution_losses": ("smoothed_losses", "idealised_losses"),
    "raw_curves": ("losses", "smoothed_losses", "critical_steps"),
    "pc_over_time": ("pca_trajectories", "pca_idealised", "pca_variance"),
    "pc_pairs": ("pca_trajectories", "pca_idealised", "pca_variance"),
    "token_loadings": ("pca_loadings", "pca_variance"),
    "training_curves": ("training",),
    "figure3": ("losses", "idealised_losses", "llc"),
    "llc_over_training": ("llc", "smoothed_losses"),
    "llc_diagnostics": ("llc",),
    "llc_traces": ("llc_traces", "llc"),
    "llc_calibration": ("llc_calibration", "llc_calibration_traces"),
    "llc_crosscheck": ("llc_crosscheck",),
    "phase_diagram": ("relative_distances", "thresholds", "critical_steps", "selection"),
    "selection": ("selection", "log_odds"),
    "free_energy": ("selection", "log_odds"),
    "pca_robustness": ("pca_robustness",),
    "scorecard": ("claims",),
}

#: Figures that a target of their own makes, because what they show costs minutes and is looked at once.
ON_REQUEST = frozenset({"llc_calibration", "llc_crosscheck"})


def module_of(figure: str) -> str:
    """The module that draws ``figure``, as a name within this package."""
    here = Path(__file__).parent
    (found,) = here.glob(f"*/{figure}.py")
    return f"{found.parent.name}.{figure}"
