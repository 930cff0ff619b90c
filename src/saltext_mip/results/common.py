"""What the returns of several commands have in common."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from saltext_mip.conditions import REASONS, Condition, Status
from saltext_mip.plans import PlanItem
from saltext_mip.problems import Problem
from saltext_mip.rules import hint

T = TypeVar("T")

#: A key that is left out of the JSON while it is not set.
Absent: TypeAlias = T | UnsetType


def value_or(value: Absent[T], default: T) -> T:
    """``value``, or the default where it is not set."""
    return default if isinstance(value, UnsetType) else value


Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})$",
        description="ISO 8601 with its offset",
    ),
]
GenerationNumber = Annotated[int, Meta(ge=1)]
Natural = Annotated[int, Meta(ge=0)]
MaskedCount = Annotated[
    str,
    Meta(
        pattern="^[<>][0-9]+$",
        description="a text such as '<10' where the number may not leave its node",
    ),
]
Count = Natural | MaskedCount
Written = Literal["updated", "unchanged"]
Datasets: TypeAlias = dict[str, list[str]]


class Facts(Struct, kw_only=True, frozen=True):
    """Base of every part of a return: made by keyword, never changed."""


class Result(Facts, kw_only=True, frozen=True):
    """Base of what a command returns.

    ``retcode`` is set to 1 where a part failed and the rest was done: it becomes the exit code.
    ``command`` and ``schema`` are added where it leaves the program (:func:`results.to_json`).
    """

    retcode: Absent[int] = UNSET


class ReportedProblem(Facts, kw_only=True, frozen=True):
    """A problem as people and programs see it: all keys, with its rule's text and hint."""

    rule: Annotated[str, Meta(pattern="^[A-Z][A-Za-z0-9]+$")]
    severity: Literal["error", "warning", "note"]
    node: str | None
    pathology: str | None
    file: str | None
    line: Annotated[int, Meta(ge=1)] | None
    lines: list[Annotated[int, Meta(ge=1)]]
    column: str | None
    count: Annotated[int, Meta(ge=1)] | MaskedCount
    about: str | None
    message: str
    hint: str
    contact: Annotated[str | None, Meta(description="whom to call at the node's hospital")]
    since: Annotated[
        Absent[Moment], Meta(description="when the observer first saw it, or that it was gone")
    ] = UNSET
    state: Annotated[
        Absent[Literal["new", "open", "resolved"]],
        Meta(description="new: for less than a day"),
    ] = UNSET

    @classmethod
    def of(cls, problem: Problem, contact: str | None = None) -> ReportedProblem:
        """``problem`` with what its rule says, and the ``contact`` of its node."""
        return cls(
            rule=problem.rule,
            severity=problem.severity,
            node=problem.node,
            pathology=problem.pathology,
            file=problem.file,
            line=problem.line,
            lines=list(problem.lines),
            column=problem.column,
            count=problem.reported_count,
            about=problem.about,
            message=problem.definition.text,
            hint=hint(problem.rule, problem.node),
            contact=contact,
        )


class ReportedCondition(Facts, kw_only=True, frozen=True):
    """A condition as people and programs see it: with the hint of its reason."""

    type: str
    status: Status
    reason: str
    message: str
    hint: str
    since: str
    generation: int | None

    @classmethod
    def of(cls, condition: Condition) -> ReportedCondition:
        return cls(
            type=condition.type,
            status=condition.status,
            reason=condition.reason,
            message=condition.message,
            hint=REASONS[condition.reason],
            since=condition.since,
            generation=condition.generation,
        )


class Planned(Result, kw_only=True, frozen=True):
    """A return that is a plan and nothing more where ``dry_run`` is set."""

    dry_run: Absent[bool] = UNSET
    plan: Absent[list[PlanItem]] = UNSET
