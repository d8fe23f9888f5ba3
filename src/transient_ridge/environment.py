"""The environment of a job, so that it writes the same bytes whoever starts it, and wherever.

Snakemake sets the number of threads. Figures bring a whole style of their own (:mod:`.figures.drawing.style`).
"""

import locale
from collections.abc import MutableMapping

from .errors import ConfigError
from .places import PACKAGE

#: A notebook sets a backend that only it has. Text is UTF-8 whatever the locale. Pydantic would look for plugins in
#: every installed package, which takes a job longer than its settings do. ArviZ reads the first arvizrc that it finds,
#: and fails on one of another version: the package's own is empty.
SET = {
    "MPLBACKEND": "agg",
    "PYTHONUTF8": "1",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
    "ARVIZ_DATA": str(PACKAGE),
}

#: Variables that change numbers or pictures, or make a job fail that is sound.
DROPPED = (
    "SNAKEMAKE_PROFILE",  # read anew by the Snakemake within a cluster job, which has its own options
    "MATPLOTLIBRC",
    "SOURCE_DATE_EPOCH",
    "PYTHONOPTIMIZE",  # drops asserts
    "PYTHONWARNINGS",  # a deprecation in a library becomes an error
    "GIT_DIR",  # set in hooks of git: the commit in a record would be of another repository
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "ONEDNN_DEFAULT_FPMATH_MODE",  # these compute float32 products with fewer bits
    "DNNL_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
)


def settle(environ: MutableMapping[str, str]) -> None:
    """Set and drop variables in ``environ``, for this process and those that it starts.

    Raises ConfigError if this process reads files in another encoding than UTF-8, which is settled at its start.
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
