"""Statements of the scorecard, and the decorators that turn a function into one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from .measurements import Evidence
from .outcomes import Measured

AT_LEAST: Literal["at least"] = "at least"
AT_MOST: Literal["at most"] = "at most"
Comparison = Literal["at least", "at most"]

#: What a statement needs in order to hold. Tests score worlds without training, and without a ridge phase, in which no
#: statement about these may hold. A statement about the idealised predictors is no finding about models; one about
#: memory needs no M = infinity run that has learnt ridge.
About = Literal["predictors", "memory", "training", "ridge phase"]
PREDICTORS: About = "predictors"
MEMORY: About = "memory"
TRAINING: About = "training"
RIDGE_PHASE: About = "ridge phase"

#: Who makes a statement. Only the paper's decide a claim.
Kind = Literal["paper", "further", "own"]
PAPER: Kind = "paper"
FURTHER: Kind = "further"

#: When a statement got its present form and threshold.
ANNOUNCED = "before the scored draws"
UNSEEN = "before the preset was run"
TRIED = "after trials with one seed"

#: The number under which a preset's own statements stand.
OWN = 11

#: Titles of the paper's claims, by number.
TITLES = {
    1: "Task-diversity threshold",
    2: "Transient ridge",
    3: "Components of the joint PCA",
    4: "Deflection towards ridge grows with M",
    5: "Earlier tokens load more on PC2",
    6: "Insensitivity of the joint PCA",
    7: "Loss gap, and whose loss is reached",
    8: "LLC against M",
    9: "Internal model selection",
    10: "Why transience stops (open question)",
    OWN: "Own statements",
}

#: The value of a statement for one seed; raises NotTestableError or ContradictedError.
Measure = Callable[[Evidence, int], float | Measured]


@dataclass(frozen=True)
class Statement:
    """One row of the scorecard.

    ``text`` may name keys of `claims` in braces. ``threshold`` is such a key, or one of `claims.own`, or a number from
    the paper's text. ``measure`` gives the value for one seed; a ``joint`` statement has one value for all seeds (the
    joint PCA, the idealised predictors). ``nulls`` are the worlds in which the statement is false. A statement that
    ``exists`` claims that there are M of some kind, and is judged by the proportion of draws. One with ``only_if`` is
    scored only where that key of `claims` is not null, or is given in `claims.own`.
    """

    claim: int
    part: str
    text: str
    quantity: str
    comparison: Comparison
    threshold: str | float
    measure: Measure
    kind: Kind
    nulls: tuple[str, ...]
    exists: bool
    about: About
    set_when: str
    joint: bool
    only_if: str | None

    @property
    def name(self) -> str:
        """Claim and part, such as 2a."""
        return f"{self.claim}{self.part}"


#: Every statement, in the order of the files.
STATEMENTS: list[Statement] = []


def states(
    name: str,
    text: str,
    quantity: str,
    *,
    at_least: str | float | None = None,
    at_most: str | float | None = None,
    nulls: tuple[str, ...] = (),
    kind: Kind = PAPER,
    exists: bool = False,
    about: About = TRAINING,
    set_when: str = ANNOUNCED,
    joint: bool = False,
    only_if: str | None = None,
) -> Callable[[Measure], Measure]:
    """Decorator: the function measures the statement ``name``, such as 2a, and STATEMENTS holds it.

    Its threshold is ``at_least`` or ``at_most``. It is the paper's unless its claim is OWN. Raises ValueError for a
    statement of the paper's without a null, and unless there is one threshold.
    """
    claim, part = int(name[:-1]), name[-1]
    if not nulls and kind == PAPER and claim != OWN:
        raise ValueError(f"statement {name} is the paper's and names no null")
    threshold = at_most if at_least is None else at_least
    if threshold is None or None not in (at_least, at_most):
        raise ValueError(f"statement {name}: needs either at_least or at_most")
    comparison = AT_MOST if at_least is None else AT_LEAST

    def register(measure: Measure) -> Measure:
        row = Statement(
            claim, part, text, quantity, comparison, threshold, measure, "own" if claim == OWN else kind, nulls,
            exists, about, set_when, joint, only_if,
        )  # fmt: skip
        STATEMENTS.append(row)
        return measure

    return register


#: Decorator of a further question, scored beside the statements of its claim and no part of the verdict.
asks = partial(states, kind=FURTHER)


def states_if_asked(
    part: str, text: str, quantity: str, *, set_when: str = UNSEEN, **options: Any
) -> Callable[[Measure], Measure]:
    """Decorator of a preset's statement: scored where the configuration has its threshold under `claims.own`."""
    threshold = options.get("at_least", options.get("at_most"))
    return states(f"{OWN}{part}", text, quantity, set_when=set_when, only_if=threshold, **options)
