"""Preconditioners of the Langevin chains, one per file.

An entry offers

- ``measure(target, positions)``: what it wants to know of the curvature of a :class:`~..target.Target`, whatever n beta
  and gamma are; None if nothing, and the chains then keep what they have made when gamma changes;
- ``make(measured, n_beta, gamma) -> Preconditioner`` (:mod:`..curvature.metric`);
- ``NATURAL_STEP``, whether G is scaled to the posterior's variance, so that eps counts in it: a relaxation takes
  2 / eps steps, instead of 2 / (eps gamma G);
- ``devinterp(groups, shared, metric)``, devinterp's optimiser of one chain, whose parameter is the flat vector (P,),
  with the same G, if the sampler ``devinterp`` can have it.

What depends on the curvature is fixed before the first draw: a G that went on following the chains would change
what they sample.
"""
