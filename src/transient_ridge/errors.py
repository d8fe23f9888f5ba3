"""The errors a user can meet. Each message names the key or file, the value and the remedy."""


class TransientRidgeError(Exception):
    """Base of every error that is the input's fault rather than the code's."""


class ConfigError(TransientRidgeError):
    """A configuration that cannot be run."""


class CheckpointError(TransientRidgeError):
    """A checkpoint that is missing, damaged or belongs to another configuration."""


class TableError(TransientRidgeError):
    """A table that is damaged or does not have the declared columns."""


class DivergenceError(TransientRidgeError):
    """A training run whose loss became non-finite or exploded."""


class ChainDivergedError(TransientRidgeError):
    """An SGLD chain whose loss became non-finite."""


class UnhealthyChainError(TransientRidgeError):
    """An LLC estimate whose diagnostics are outside the limits of the configuration."""


class StorageError(TransientRidgeError):
    """A file that cannot be written: a full disk, a read-only folder, another writer."""
