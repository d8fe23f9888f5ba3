"""The environment of a job, which must not change what the job writes.

Snakemake sets the number of threads. Figures bring their own style (:mod:`.figures.drawing.style`).
"""

import locale
from collections.abc import MutableMapping

from .errors import ConfigError
from .places import PACKAGE

#: A notebook sets a backend that only it has. Text is UTF-8 in any locale. Pydantic would search all installed packages
#: for plugins, which takes longer than reading the settings. ArviZ reads the first arvizrc that it finds and fails if
#: that belongs to another version; ours is empty.
SET = {
    "MPLBACKEND": "agg",
    "PYTHONUTF8": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "ARVIZ_DATA": str(PACKAGE),
}

#: Variables that change numbers or pictures, or break a sound job.
DROPPED = (
    "SNAKEMAKE_PROFILE",  # a Snakemake within a cluster job would read it again, and has its own options
    "MATPLOTLIBRC",
    "SOURCE_DATE_EPOCH",
    "PYTHONOPTIMIZE",  # drops asserts
    "PYTHONWARNINGS",  # a deprecation in a library becomes an error
    "GIT_DIR",  # set within git hooks: records would name a commit of another repository
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "ONEDNN_DEFAULT_FPMATH_MODE",  # these compute float32 products with fewer bits
    "DNNL_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def settle(environ: MutableMapping[str, str]) -> None:
    """Set and drop variables in ``environ``, for this process and those that it starts.

    Raises ConfigError if this process reads files in an encoding other than UTF-8, which it cannot change any more.
    """
    if (encoding := locale.getpreferredencoding(do_setlocale=False)).lower() not in (
        "utf-8",
        "utf8",
    ):
        raise ConfigError(
            f"the locale's encoding is {encoding}: set PYTHONUTF8=1 in the environment, or a locale of UTF-8"
        )
    environ.update(SET)
    for name in DROPPED:
        environ.pop(name, None)
