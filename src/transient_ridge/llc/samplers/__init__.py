"""Samplers of the local posterior, one per file: :class:`~..dynamics.Sampler`.

An entry offers

- ``init(positions, dynamics, noise) -> State`` and ``step(state, gradient, eta, dynamics) -> State``;
- ``MALA``, whether its step is the proposal of MALA, so that the acceptance of such proposals judges it;
- optionally ``REQUIRES``, the keys of the section ``llc`` that can have one value only with it;
- optionally ``PRECONDITIONER``, a function that the chosen preconditioner must offer for it;
- ``RESPONDS_AS``, if it draws noise of its own instead of ``eta``: an entry whose law its steps have
  (:mod:`..response`).
"""
