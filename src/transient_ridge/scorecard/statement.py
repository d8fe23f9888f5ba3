"""The statements of the scorecard, and the decorators that turn a function into one."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from .measurements import Evidence
from .outcomes import Measured

AT_LEAST, AT_MOST = "at least", "at most"

#: What a statement needs in order to hold. Tests score worlds without training, and worlds without a ridge phase; no
#: statement about either may hold there. A statement about the idealised predictors is not a finding about models; one
#: about memory does not need an M = infinity run that has learnt ridge.
About = Literal["predictors", "memory", "training", "ridge phase"]
PREDICTORS: About = "predictors"
MEMORY: About = "memory"
TRAINING: About = "training"
RIDGE_PHASE: About = "ridge phase"

#: Who makes a statement. Only the paper's decide a claim.
PAPER, FURTHER = "paper", "further"

#: When a statement got its present form and threshold.
ANNOUNCED = "before the scored draws"
UNSEEN = "before the preset was run"
TRIED = "after trials with one seed"

#: The number of a preset's own statements.
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

    Attributes
    ----------
    name
        Claim and part, such as 2a.
    text, quantity
        What it states and what is measured; they may name keys of `claims` in braces.
    measure
        The value for one seed.
    at_least, at_most
        The threshold, one of the two: a key of `claims` or `claims.own`, or a number from the paper's text.
    nulls
        The worlds in which the statement is false. The paper's statements have at least one.
    exists
        It claims that some M exist, and is judged by the proportion of draws.
    joint
        It has one value for all seeds, because it is about the joint PCA or the idealised predictors.
    only_if
        It is scored only where this key of `claims` is not null, or is given in `claims.own`.
    further
        A further question: scored beside the statements of its claim, and no part of the verdict.
    """

    name: str
    text: str
    quantity: str
    measure: Measure
    at_least: str | float | None = None
    at_most: str | float | None = None
    nulls: tuple[str, ...] = ()
    exists: bool = False
    about: About = TRAINING
    set_when: str = ANNOUNCED
    joint: bool = False
    only_if: str | None = None
    further: bool = False

    def __post_init__(self) -> None:
        """Refuse a statement without its threshold or, if the paper's, without a null."""
        if self.kind == PAPER and not self.nulls:
            raise ValueError(f"statement {self.name} is the paper's and names no null")
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"statement {self.name}: needs either at_least or at_most")

    @property
    def claim(self) -> int:
        """The number of its claim."""
        return int(self.name[:-1])

    @property
    def part(self) -> str:
        """Its letter within the claim."""
        return self.name[-1]

    @property
    def kind(self) -> str:
        """Whose it is: the paper's, a further question, or the preset's own."""
        return "own" if self.claim == OWN else FURTHER if self.further else PAPER

    @property
    def comparison(self) -> str:
        """At least or at most the threshold."""
        return AT_MOST if self.at_least is None else AT_LEAST

    @property
    def threshold(self) -> str | float:
        """What the value is compared with."""
        found = self.at_most if self.at_least is None else self.at_least
        assert found is not None
        return found


#: Every statement, in the order of the files.
STATEMENTS: list[Statement] = []


def states(name: str, **options: Any) -> Callable[[Measure], Measure]:
    """Decorator: add to STATEMENTS the :class:`Statement` that the docstring states and the function measures.

    The docstring is the text and, in a second paragraph that begins with 'Measured: ', the quantity. Raises ValueError
    if it lacks either, unless there is exactly one threshold, and if a statement of the paper has no null.
    """

    def register(measure: Measure) -> Measure:
        said = inspect.cleandoc(measure.__doc__ or "").split("\n\nMeasured: ")
        if len(said) != 2:
            raise ValueError(
                f"statement {name}: its docstring must state it and what is 'Measured: '"
            )
        text, quantity = (" ".join(part.split()).removesuffix(".") for part in said)
        STATEMENTS.append(Statement(name, text, quantity, measure, **options))
        return measure

    return register


#: Decorator of a further question.
asks = partial(states, further=True)


def states_if_asked(
    part: str, *, set_when: str = UNSEEN, **options: Any
) -> Callable[[Measure], Measure]:
    """Decorator of a preset's statement: scored where the configuration has its threshold under `claims.own`."""
    threshold = options.get("at_least", options.get("at_most"))
    return states(f"{OWN}{part}", set_when=set_when, only_if=threshold, **options)
