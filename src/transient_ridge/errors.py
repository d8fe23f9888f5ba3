"""The errors a user can meet. Each message names the key or file, the value and the remedy."""

import signal


class TransientRidgeError(Exception):
    """Base of all errors whose cause is the input rather than the code."""


class ConfigError(TransientRidgeError):
    """A configuration that cannot be run."""


class ConfigWarning(UserWarning):
    """A configuration that can be run but is probably a mistake."""


class InputError(TransientRidgeError, ValueError):
    """A module, loss or data that a function of the library cannot work with."""


class CheckpointError(TransientRidgeError):
    """A checkpoint that is missing, damaged or belongs to another configuration."""


class TableError(TransientRidgeError):
    """A table that is damaged or does not have the declared columns."""


class DivergenceError(TransientRidgeError):
    """A training run whose loss became non-finite or exploded."""


class ChainDivergedError(TransientRidgeError):
    """An SGLD chain whose loss became non-finite."""


class UnhealthyChainError(TransientRidgeError):
    """An LLC estimate whose diagnostics exceed the limits of the configuration."""


class ResolutionError(TransientRidgeError):
    """LLCs at resolutions finer than the sequences allow."""


class StorageError(TransientRidgeError):
    """A file that cannot be written: a full disk, a read-only folder, another writer."""


class StageError(TransientRidgeError):
    """A stage that does not exist, or is called with other inputs or outputs than its own."""


class ArchiveError(TransientRidgeError):
    """An archive of results that is damaged, or that another preset or other code made."""


class Interrupted(Exception):  # noqa: N818 - not an error: the state is saved and the run can resume
    """The process was asked to stop; ``signal`` is the number of the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}; the state is saved")
        self.signal = number
