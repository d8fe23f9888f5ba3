"""The scorecard: each claim of the paper as statements with a number, a null, a threshold and a verdict.

A statement is measured for each seed, and again in its null worlds. It is 'not testable' if its quantity was not
measured or not resolved (the models are too far from ridge), or if the models were not fully trained; it does not hold
if it was measured and found false.
"""

import math
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

from ..artefacts.pages import Page
from ..artefacts.schemas import judged
from ..artefacts.tables import Frames, Rows
from ..config.settings import ClaimSettings, RootSeed
from ..errors import ConfigError
from ..stage import stage
from .measurements import Evidence
from .nulls import NULLS
from .outcomes import ContradictedError, GapError, Measured, NotTestableError
from .page import along_resolution, by_diversity, scorecard
from .statement import MEMORY, PREDICTORS, Statement
from .statements import STATEMENTS
from .verdicts import CONTRADICTED, MEASURED, NOT_TESTABLE, assess, excess_of, holm, joined

#: In place of the null of a statement that has none, or that is not measured.
NO_NULL: dict[str, Any] = {"null": None, "null_outcome": None, "null_value": None}
#: The numbers of a measured statement.
NUMBERS = ("value", "resolution", "error")
#: The fields of a statement that are columns of the table `claims`.
OF_STATEMENT = ("claim", "part", "kind", "about", "comparison", "set_when")


def made(settings: ClaimSettings, claims: Collection[int] | None = None) -> list[Statement]:
    """The statements that these settings ask for, of all or of these ``claims``, by claim and part."""
    stated = {**dict(settings), **settings.own}
    asked = [
        s
        for s in STATEMENTS
        if (claims is None or s.claim in claims)
        and (not s.only_if or stated.get(s.only_if) is not None)
    ]
    return sorted(asked, key=lambda statement: (statement.claim, statement.part))


def threshold_of(statement: Statement, settings: ClaimSettings) -> float:
    """The number to compare a statement's value with. Raises ConfigError if the configuration has none."""
    name = statement.threshold
    if not isinstance(name, str):
        return name
    found = settings.own.get(name, getattr(settings, name, None))
    if found is None:
        raise ConfigError(f"claims.own.{name}: missing; statement {statement.name} needs it")
    return float(found)


def measure(evidence: Evidence, claims: Collection[int] | None = None) -> Rows:
    """The table `claim_values`: the outcome of every statement, of all or of these ``claims``, for every seed."""
    rows = Rows("claim_values")
    try:
        seeds: list[int | None] = list(evidence.seeds)
    except NotTestableError:  # no statement will be testable either
        seeds = [None]

    @cache
    def world(null: str) -> Evidence:
        return Evidence(NULLS[null](evidence), evidence.settings, evidence.root_seed)

    for statement in made(evidence.settings, claims):
        key = {"claim": statement.claim, "part": statement.part, "root_seed": evidence.root_seed}
        for seed in seeds[:1] if statement.joint else seeds:
            found, null = _measure(statement, evidence, seed), NO_NULL
            if found["outcome"] == MEASURED:
                try:
                    null, unknown = _closest_null(statement, evidence.settings, world, seed)
                    found["reason"] = joined(found["reason"], *unknown)
                except NotTestableError as why:  # without its null it cannot pass
                    found = _without_value(NOT_TESTABLE, f"its null is not known: {why}")
            rows.add(**key, seed=None if statement.joint else seed, **found, **null)
    return rows


def _closest_null(
    statement: Statement,
    settings: ClaimSettings,
    world: Callable[[str], Evidence],
    seed: int | None,
) -> tuple[dict[str, Any], list[str]]:
    """The null that comes closest to passing (name, outcome, and value unless contradicted), and remarks.

    The remarks explain why other nulls do not decide the statement. Raises NotTestableError if a null cannot be made
    or has a gap, and if none decides it.
    """
    threshold = threshold_of(statement, settings)
    closest, excess, unknown = NO_NULL, -math.inf, []
    for name in statement.nulls:
        null = world(name)
        try:
            value = float(_value(statement, null, seed).value)
        except GapError:
            raise
        except ContradictedError:
            if closest is NO_NULL:
                closest = {"null": name, "null_outcome": CONTRADICTED, "null_value": None}
        except NotTestableError as why:
            unknown.append(f"null '{name}': {why}")
        else:
            if (found := excess_of(statement.comparison, value, threshold)) >= excess:
                closest = {"null": name, "null_outcome": MEASURED, "null_value": value}
                excess = found
    if closest is NO_NULL and unknown:
        raise NotTestableError("; ".join(unknown))
    return closest, unknown


def _measure(statement: Statement, evidence: Evidence, seed: int | None) -> dict[str, Any]:
    try:
        found = _value(statement, evidence, seed)
    except NotTestableError as error:
        return _without_value(NOT_TESTABLE, str(error))
    except ContradictedError as error:
        return _without_value(CONTRADICTED, str(error))
    numbers = {name: float(getattr(found, name)) for name in NUMBERS}
    return {**numbers, "outcome": MEASURED, "reason": found.remark}


def _without_value(outcome: str, reason: str) -> dict[str, Any]:
    return {**dict.fromkeys(NUMBERS), "outcome": outcome, "reason": reason}


def _value(statement: Statement, evidence: Evidence, seed: int | None) -> Measured:
    """The value of ``statement``; raises GapError if it is not a number."""
    first = evidence.seeds[0] if seed is None else seed
    if statement.about not in (PREDICTORS, MEMORY):
        evidence.require_trained(first)
    found = statement.measure(evidence, first)
    found = found if isinstance(found, Measured) else Measured(found)
    if any(math.isnan(getattr(found, name)) for name in NUMBERS):
        raise GapError(f"not a number for seed {first}: a table behind it has a gap")
    return found


def score(values: Rows, settings: ClaimSettings, claims: Collection[int] | None = None) -> Rows:
    """The table `claims`: every statement, judged by its ``values`` in one variant or over several root seeds.

    ``claims`` are those that were measured; None means all.
    """
    rows, judged = values.records(), []
    words = {**vars(settings), **settings.own}
    for statement in made(settings, claims):
        own = [row for row in rows if f"{row['claim']}{row['part']}" == statement.name]
        threshold = threshold_of(statement, settings)
        judged.append(
            {
                **{name: getattr(statement, name) for name in OF_STATEMENT},
                "statement": statement.text.format(**words),
                "quantity": statement.quantity.format(**words),
                "threshold": threshold,
                "existence": statement.exists,
                "nulls": ", ".join(statement.nulls),
                **assess(statement, own, threshold, settings)._asdict(),
            }
        )
    holm(judged, settings.confidence)
    scored = Rows("claims")
    for row in judged:
        scored.add(**row)
    return scored


@stage("claims", "claim_values", "page", tables=judged())
def judge_claims(frames: Frames, claims: ClaimSettings, seed: RootSeed) -> tuple[Rows, Rows, Page]:
    """Judge every statement by the tables; return the verdicts, the values of each seed, and a page."""
    evidence = Evidence(frames, claims, seed)
    values = measure(evidence)
    scored = score(values, claims)
    along_r = along_resolution(frames["claims_by_resolution"])
    page = "\n".join((scorecard(scored), along_r, by_diversity(evidence)))
    return scored, values, Page(page)
