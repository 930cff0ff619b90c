"""Conditions, problems and a whole status, as tests of the observer need them."""

from __future__ import annotations

from msgspec import structs

from saltext_mip.conditions import Condition, Status
from saltext_mip.problems import Problem
from saltext_mip.results import ReportedCondition, ReportedProblem, StatusResult

GOOD = (("Ready", "AsDeclared"), ("WorkersReachable", "AllAnswer"), ("Served", "Serving"))


def condition(kind: str, status: Status, reason: str, message: str = "") -> ReportedCondition:
    return ReportedCondition.of(Condition(kind, status, reason, message))


def good() -> list[ReportedCondition]:
    return [condition(kind, "True", reason) for kind, reason in GOOD]


def replaced(*others: ReportedCondition) -> list[ReportedCondition]:
    """The good ones, with these in their place or in addition."""
    found = {each.type: each for each in (*good(), *others)}
    return list(found.values())


def problem(rule: str = "MountGone", node: str = "fed1-wk-h1", **more: object) -> ReportedProblem:
    return structs.replace(ReportedProblem.of(Problem(rule, node=node)), **more)


def status(
    conditions: list[ReportedCondition] | None = None,
    problems: list[ReportedProblem] | None = None,
) -> StatusResult:
    return StatusResult(
        federation="fed1",
        ok=not problems,
        sync="Synced",
        health="Healthy",
        conditions=good() if conditions is None else conditions,
        generation=1,
        nodes={},
        services={},
        pathologies={},
        problems=problems or [],
    )
