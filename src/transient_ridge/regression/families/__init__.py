"""Task families, one per file: the distribution q_inf that tasks are drawn from.

An entry offers ``sample(generator, count, dimension) -> (count, dimension) float array``. The first members that a
generator yields must not depend on ``count``: ``T_M`` is a prefix of ``T_M'`` for every M' > M.

It may offer ``members``, a function like ``sample`` that gives T_M, if that is not M independent samples: where a task
stands in T_M twice, it is drawn twice as often, and weighs twice in dMMSE_M. Gates are then told apart by task.

It may offer ``fault(data) -> str | None``, why it cannot be used with the section `data`, which validation asks for.
All are given ``options`` if the entry has ``Options``.
"""
