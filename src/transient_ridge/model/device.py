"""Device selection and process-wide settings of torch."""

import contextlib
import ctypes
import os
from typing import Any

import torch

from ..errors import ConfigError


def select_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. Raises ConfigError for ``cuda`` without a usable GPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "compute.device = cuda: torch sees no CUDA device here; use 'auto' or 'cpu', or install a "
            "CUDA build of torch on a machine with a GPU"
        )
    return torch.device(name)


def prepare(device: torch.device, precision: str, threads: int) -> None:
    """Set threads, deterministic algorithms and memory reuse of this process.

    ``precision`` tf32 lets CUDA multiply float32 matrices in TF32; bf16 acts through :func:`autocast`.
    """
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager[Any]:
    """bfloat16 matrix products with float32 weights if ``precision`` is bf16, else nothing."""
    if precision == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return contextlib.nullcontext()


def device_name(device: torch.device) -> str:
    """Name of the device in provenance records."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _keep_freed_memory() -> None:
    """Stop glibc from handing big freed blocks back to the kernel.

    Every step allocates the same activations; faulting their pages in again would take a quarter of a CPU training
    step. This does nothing with a C library that lacks ``mallopt``.
    """
    m_trim_threshold, m_mmap_threshold, one_gib = -1, -3, 1 << 30
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(m_mmap_threshold, one_gib)
        libc.mallopt(m_trim_threshold, one_gib)
