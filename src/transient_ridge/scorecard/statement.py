"""What a statement is, and the decorator that makes one of a function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .measurements import Evidence
from .outcomes import Measured

AT_LEAST: Literal["at least"] = "at least"
AT_MOST: Literal["at most"] = "at most"

#: What must be there for a statement to hold. Tests score worlds without training, and without a ridge phase, in which
#: no statement about them may hold. What is about the idealised predictors alone is no finding about models; what is
#: about memory alone needs no run with M = infinity that has learnt ridge.
About = Literal["predictors", "memory", "training", "ridge phase"]
PREDICTORS: About = "predictors"
MEMORY: About = "memory"
TRAINING: About = "training"
RIDGE_PHASE: About = "ridge phase"

#: When a statement got its present form and threshold, told beside it.
BEFORE = "before the laptop run"
GRID = "after the laptop grid was chosen"
REVISED = "with three laptop seeds known"
UNSEEN = "before the preset was run"
TRIED = "after trials with one seed"

#: The claim of statements that are not the paper's.
OWN = 11

#: Titles of the paper's claims, by number.
TITLES = {
    1: "Task-diversity threshold",
    2: "Transient ridge",
    3: "Components of the joint PCA",
    4: "Deflection towards ridge grows with M",
    5: "Earlier tokens load more on PC2",
    6: "Insensitivity of the joint PCA",
    7: "Loss gap and the fitting side",
    8: "LLC against M",
    9: "Internal model selection",
    10: "Why transience stops (open question)",
    OWN: "Own statements",
}

#: The value of a statement for one seed; raises NotTestableError or ContradictedError.
Measure = Callable[[Evidence, int], float | Measured]


@dataclass(frozen=True)
class Statement:
    """One row of the scorecard. ``threshold`` names a key of the section `claims`, or one of `claims.own`.

    ``measure`` gives the value for one seed. A statement that is ``joint`` has one value for all seeds together
    (the joint PCA, the idealised predictors), so it has no uncertainty over seeds. One with ``only_if`` is made only
    where that key of `claims` is not null, or stated in `claims.own`.
    """

    claim: int
    part: str
    text: str
    quantity: str
    comparison: Literal["at least", "at most"]
    threshold: str
    measure: Measure
    about: About
    set_when: str
    joint: bool
    only_if: str | None


#: Every statement that was made, in the order of the files.
STATEMENTS: list[Statement] = []


def states(
    claim: int,
    part: str,
    text: str,
    quantity: str,
    comparison: Literal["at least", "at most"],
    threshold: str,
    *,
    about: About = TRAINING,
    set_when: str = REVISED,
    joint: bool = False,
    only_if: str | None = None,
) -> Callable[[Measure], Measure]:
    """Decorator: the function measures this statement, which joins :data:`STATEMENTS`."""

    def register(measure: Measure) -> Measure:
        row = Statement(
            claim, part, text, quantity, comparison, threshold, measure, about, set_when, joint,
            only_if,
        )  # fmt: skip
        STATEMENTS.append(row)
        return measure

    return register


def states_if_asked(
    part: str,
    text: str,
    quantity: str,
    comparison: Literal["at least", "at most"],
    threshold: str,
    *,
    about: About = TRAINING,
    set_when: str = UNSEEN,
) -> Callable[[Measure], Measure]:
    """Decorator of a statement of a preset: made where the configuration has its ``threshold`` under `claims.own`."""
    return states(
        OWN, part, text, quantity, comparison, threshold, about=about, set_when=set_when, only_if=threshold
    )  # fmt: skip
