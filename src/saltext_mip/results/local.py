"""What the command ``mip`` reports of the machine it runs on, and a node of its own files."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, field

from saltext_mip.problems import Finding
from saltext_mip.results.common import Absent, Facts, MaskedCount, Moment, Natural
from saltext_mip.text import shown


class Requirement(Facts, kw_only=True, frozen=True):
    """``thing`` as it was ``found``, and a ``hint`` how to meet a requirement that is not met."""

    thing: str
    ok: bool
    found: str
    hint: Absent[str] = UNSET


class RequirementsResult(Facts, kw_only=True, frozen=True):
    """What ``mip check-required`` reports: all requirements of a pusher."""

    needs: list[Requirement]


class VersionsResult(Facts, kw_only=True, frozen=True):
    """What ``mip version list`` reports: the versions of what runs here."""

    saltext_mip: str = field(name="saltext-mip")
    python: str
    salt: str
    docker: str
    libtmux: str
    polars: str
    python_keycloak: str = field(name="python-keycloak")
    tmux: str
    ssh: str
    nodes: Annotated[
        Absent[dict[str, str]], Meta(description="on a pusher: of the extension, by minion id")
    ] = UNSET
    notes: Absent[list[str]] = UNSET


class ContainerInfo(Facts, kw_only=True, frozen=True):
    """The newest container of a service on this node, as Docker describes it."""

    service: str
    state: str
    image: str
    container: Annotated[Absent[str], Meta(description="its id, with -v")] = UNSET


class HereResult(Facts, kw_only=True, frozen=True):
    """What ``mip`` reports on a node: its containers, or what was done to them."""

    containers: Absent[list[ContainerInfo]] = UNSET
    restarted: Annotated[Absent[list[str]], Meta(description="services")] = UNSET
    pulled: Annotated[Absent[list[str]], Meta(description="images")] = UNSET


class WaitResult(Facts, kw_only=True, frozen=True):
    """What ``mip wait`` reports when the condition is met."""

    condition: str
    status: str
    met: bool


class Task(Facts, kw_only=True, frozen=True):
    """A task of operators, and the commands for it."""

    what: str
    how: str


class TasksResult(Facts, kw_only=True, frozen=True):
    """What ``mip tasks`` reports."""

    tasks: list[Task]


class Example(Facts, kw_only=True, frozen=True):
    """A value that violates a rule, for a user of the node's own machine."""

    line: int
    value: str


class FoundProblem(Facts, kw_only=True, frozen=True):
    """A problem in a file. ``examples`` and ``advice`` may hold values: they stay on the node."""

    rule: str
    line: Absent[int] = UNSET
    column: Absent[str] = UNSET
    about: Absent[str] = UNSET
    count: Absent[int | MaskedCount] = UNSET
    lines: Absent[list[int]] = UNSET
    severity: Literal["error", "warning", "note"]
    message: str
    hint: str
    examples: Absent[list[Example]] = UNSET
    advice: Absent[str] = UNSET

    @classmethod
    def of(cls, finding: Finding, *, values: bool) -> FoundProblem:
        """``values``: with values, which may not leave the node."""
        problem = finding.problem
        examples = [Example(line=line, value=shown(value)) for line, value in finding.examples]
        return cls(
            rule=problem.rule,
            line=UNSET if problem.line is None else problem.line,
            column=UNSET if problem.column is None else problem.column,
            about=UNSET if problem.about is None else problem.about,
            count=UNSET if problem.reported_count == 1 else problem.reported_count,
            lines=list(problem.lines) or UNSET,
            severity=problem.severity,
            message=problem.definition.text,
            hint=problem.definition.hint,
            examples=examples if values else UNSET,
            advice=finding.what_to_do if values else UNSET,
        )


class AcceptedFile(Facts, kw_only=True, frozen=True):
    """How many rows a file has, and how many each of its datasets has."""

    rows: Natural
    datasets: dict[str, Natural]


class CheckResult(Facts, kw_only=True, frozen=True):
    """What ``mip.check`` returns on a node; problems of no file are under ``""``."""

    folder: str
    cde: str | None
    files: dict[str, list[FoundProblem]]
    problems: Natural
    refused: list[str]
    checked: list[str]
    refused_later: Annotated[
        dict[str, list[FoundProblem]], Meta(description="what MIP 8 and 9 refuse, by file")
    ]
    accepted: Absent[dict[str, AcceptedFile]] = UNSET


class AskedCde(Facts, kw_only=True, frozen=True):
    """A CDE that the node was asked to verify its files against, or what the hospital decided."""

    when: Moment
    pathology: str
    what: Literal["answered", "refused", "allowed"]
    rules: Annotated[Absent[str], Meta(description="digest of the rules about values")] = UNSET
    cde: Annotated[Absent[str], Meta(description="SHA-256 of the CDE")] = UNSET
    job: Annotated[Absent[str], Meta(description="id of Salt's job")] = UNSET
    changed: Annotated[
        Absent[list[str]],
        Meta(description="the first variables whose rules are not those of the node's own CDE"),
    ] = UNSET


class AskedHistory(Facts, kw_only=True, frozen=True):
    """What ``mip.history`` returns on a node."""

    asked: list[AskedCde]
    left: Annotated[
        dict[str, Natural],
        Meta(description="how many new CDEs are answered now, by pathology"),
    ]


class NodeCodebook(Facts, kw_only=True, frozen=True):
    """What ``mip.codebook`` returns on a node."""

    pathology: str
    codebook: str
    template: str
    written: Annotated[Absent[list[str]], Meta(description="paths")] = UNSET
