"""Named, independent random streams.

Every random number is drawn from a stream with a *name*, such as ``("training", run_seed, step, "inputs")``. A stream
is a pure function of the root seed and its name, however many numbers other streams have drawn. So adding an M or
enlarging an evaluation set changes nothing else, and training can resume at any step.
"""

import hashlib

import numpy as np

Name = str | int


def seed_sequence(root_seed: int, *name: Name) -> np.random.SeedSequence:
    """Seed of the stream ``name`` under ``root_seed``.

    Strings and integers are hashed with their type, so ``("a", 1)``, ``("a", "1")`` and ``("a1",)`` differ.
    """
    encoded = b"".join(f"{type(part).__name__}:{part!r};".encode() for part in name)
    digest = hashlib.sha256(encoded).digest()
    return np.random.SeedSequence(root_seed, spawn_key=np.frombuffer(digest, np.uint32).tolist())


def generator(root_seed: int, *name: Name) -> np.random.Generator:
    """NumPy generator (Philox) of the stream ``name``."""
    return np.random.Generator(np.random.Philox(seed_sequence(root_seed, *name)))


def torch_seed(root_seed: int, *name: Name) -> int:
    """A 63-bit seed for ``torch.Generator.manual_seed``, taken from the stream ``name``."""
    return int(seed_sequence(root_seed, *name).generate_state(1, np.uint64)[0] >> 1)
