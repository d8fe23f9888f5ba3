"""`make bench`: measure on this machine every speed that the README quotes."""

import platform

import torch

from benchmarks import llc
from benchmarks.plan import bench_plan
from benchmarks.predictors import bench_dmmse
from benchmarks.training_step import bench_share_of_ceiling, bench_training_step


def show(title: str, results: dict[str, float]) -> None:
    print(f"\n{title}")
    for name, value in results.items():
        print(f"  {name:22s} {value:12.4g}")


def main() -> None:
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    show("training step of the laptop preset, 1 thread", bench_training_step())
    show("the same against the core's ceiling", bench_share_of_ceiling())
    print("\nLLC of laptop checkpoints, 1 thread")
    llc.main()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        show(f"dMMSE, M = 4096, B = 512, K = 16, D = 8, {threads} thread(s)", bench_dmmse())
    show("planning (snakemake -n), seconds", bench_plan())


if __name__ == "__main__":
    main()
