"""What the commands about data and generations return."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta

from saltext_mip.federation import CDE_FILE
from saltext_mip.plans import PlanItem
from saltext_mip.results.common import (
    Absent,
    Count,
    Datasets,
    Facts,
    GenerationNumber,
    Moment,
    Natural,
    Planned,
    ReportedProblem,
    Result,
    Written,
)
from saltext_mip.results.holds import Held


class PathologyResult(Facts, kw_only=True, frozen=True):
    """One pathology after a consolidation, or one that it removed."""

    label: Absent[str] = UNSET
    datasets: Annotated[Datasets, Meta(description="minion ids by dataset code")]
    added: list[str]
    removed: list[str]
    cde_source: Literal["master", "catalogue"]
    nodes: dict[str, Written]


class WorkerResult(Facts, kw_only=True, frozen=True):
    """How one worker took part, and which datasets it contributes, by pathology."""

    status: Literal["ok", "missing", "disabled", "error"]
    datasets: Datasets


class ConsolidateResult(Planned, kw_only=True, frozen=True):
    """What ``mip.consolidate`` returns."""

    federation: str
    generation: Annotated[
        GenerationNumber | None,
        Meta(description="the current generation; null: none was committed yet"),
    ]
    changed: bool
    pathologies: dict[str, PathologyResult]
    ui: Absent[dict[str, Written]] = UNSET
    workers: dict[str, WorkerResult]
    held: Annotated[Absent[list[Held]], Meta(description="changes that are not made")] = UNSET
    removals: Annotated[
        Absent[list[Held]],
        Meta(description="changes that are made, and that an automatic refresh would hold"),
    ] = UNSET
    problems: list[ReportedProblem]
    notes: Absent[list[str]] = UNSET
    todo: Annotated[Absent[list[str]], Meta(description="next steps")] = UNSET


class CodebookResult(Result, kw_only=True, frozen=True):
    """What ``mip.codebook`` returns."""

    federation: str
    pathology: str
    codebook: Annotated[str, Meta(description="CSV: a row for each variable")]
    template: Annotated[str, Meta(description="CSV: the header of a data file")]


class ExportedDataset(Facts, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A dataset of the data structure."""

    name: str


class ExportedNode(Facts, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A node of the data structure, by its host name."""

    name: str
    datasets: list[ExportedDataset]


class ExportedPathology(Facts, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A pathology of the data structure."""

    name: str
    nodes: list[ExportedNode]


class DatabaseResult(Facts, kw_only=True, frozen=True):
    """One database of one node after ``mip.compile``."""

    status: Literal["compiled", "current", "failed"]
    reason: Annotated[str | None, Meta(description="why it was stale; null: it was current")] = None
    rows: Count
    datasets: Absent[list[str]] = UNSET
    seconds: Absent[Annotated[float, Meta(ge=0)]] = UNSET
    files: Absent[dict[str, Literal["compiled", "kept", "out"]]] = UNSET
    problems: list[ReportedProblem]


Databases = dict[str, dict[str, DatabaseResult]]


def is_built(each: DatabaseResult) -> bool:
    """Whether the database is there as its sources are; files that are refused may be left out, or
    be in it as they were."""
    if each.status != "failed":
        return True
    errors = [problem for problem in each.problems if problem.severity == "error"]
    about_files = [each for each in errors if each.file and each.file != CDE_FILE]
    return bool(each.problems) and len(errors) == len(about_files)


class CompileResult(Planned, kw_only=True, frozen=True):
    """What ``mip.compile`` returns: ``nodes`` by minion id, then by pathology."""

    federation: str
    changed: bool
    nodes: Databases
    problems: list[ReportedProblem]
    notes: Absent[list[str]] = UNSET


Pair = Annotated[
    list[str], Meta(min_length=2, max_length=2, description="a pathology and a dataset")
]


class GenerationSummary(Facts, kw_only=True, frozen=True):
    """One generation as a line of the history."""

    generation: GenerationNumber
    when: Moment
    actor: str
    note: str | None
    added: list[Pair]
    removed: list[Pair]
    before_removed: Absent[
        Annotated[
            bool,
            Meta(
                description="true: the generation before it was removed, so what this one added"
                " and removed is not known"
            ),
        ]
    ] = UNSET
    wrote: Annotated[list[str], Meta(description="minion ids")]
    pending: Annotated[list[str], Meta(description="minion ids that had not got it yet")]
    problems: Natural


class HistoryResult(Result, kw_only=True, frozen=True):
    """What ``mip.history`` returns: generations, the newest first."""

    federation: str
    generations: list[GenerationSummary]
    of: Absent[Natural] = UNSET
    dataset: Absent[str] = UNSET
    removed: Absent[
        Annotated[int, Meta(ge=1, description="how many were removed to limit disk use")]
    ] = UNSET


class ReportedChange(Facts, kw_only=True, frozen=True):
    """One difference between two generations."""

    op: Literal["add", "remove", "change"]
    thing: str
    field: list[str]
    old: Any
    new: Any


class DiffResult(Result, kw_only=True, frozen=True):
    """What ``mip.diff`` returns: what ``b`` has that ``a`` has not, and the reverse."""

    federation: str
    a: int | None
    b: Annotated[int | str, Meta(description="a number, or 'now'")]
    same: bool
    changes: list[ReportedChange]


class Decision(Facts, kw_only=True, frozen=True):
    """What an operator decided, and when."""

    actor: str
    when: Moment
    message: str


class ShownDataset(Facts, kw_only=True, frozen=True):
    """A dataset of a generation, and the nodes that have it."""

    pathology: str
    dataset: str
    nodes: Annotated[list[str], Meta(description="minion ids")]
    unavailable: Annotated[
        Absent[dict[str, str]],
        Meta(description="with `at`: nodes that were not available then, and why"),
    ] = UNSET


class ShownFile(Facts, kw_only=True, frozen=True):
    """A file as it was served."""

    node: str
    pathology: str
    file: str
    datasets: Annotated[dict[str, Count], Meta(description="rows by dataset")]
    rows: Count
    size: Annotated[Natural | str, Meta(description="bytes; `<1 kB` of a file with few rows")]
    sha256: Annotated[
        str,
        Meta(
            description="a fingerprint that the node alone can make or confirm (`hmac:`); a plain "
            "SHA-256 in generations of earlier versions"
        ),
    ]
    kept: Annotated[
        Absent[bool], Meta(description="true: the file was refused; this is its last good version")
    ] = UNSET


class UnavailableNode(Facts, kw_only=True, frozen=True):
    """A node that was not available; an empty name is all of them."""

    node: str
    reason: str
    since: Moment


class ShowResult(Result, kw_only=True, frozen=True):
    """What ``mip.show`` returns: one generation."""

    federation: str
    generation: GenerationNumber
    when: Moment
    actor: str
    note: str | None
    approved: Annotated[
        Absent[Decision], Meta(description="who approved its removals, where they were held")
    ] = UNSET
    replaced: Annotated[
        Absent[GenerationNumber], Meta(description="the next one; absent: it is the current one")
    ] = UNSET
    until: Annotated[Absent[Moment], Meta(description="when the next one was committed")] = UNSET
    at: Annotated[Absent[Moment], Meta(description="the requested moment")] = UNSET
    added: list[Pair]
    removed: list[Pair]
    before_removed: Absent[bool] = UNSET
    datasets: list[ShownDataset]
    files: list[ShownFile]
    wrote: Annotated[list[str], Meta(description="files that were changed, with their nodes")]
    pending: Annotated[list[str], Meta(description="minion ids that had not got it yet")]
    unavailable: Annotated[
        Absent[list[UnavailableNode]], Meta(description="with `at`: nodes that were out then")
    ] = UNSET
    suspended: Annotated[
        Absent[Decision], Meta(description="with `at`: automatic refreshes were suspended then")
    ] = UNSET
    events_since: Annotated[
        Absent[Moment], Meta(description="with `at`: events before this moment are not known")
    ] = UNSET
    problems: list[ReportedProblem]


class NeededGeneration(Facts, kw_only=True, frozen=True):
    """A generation that is kept whatever the limits are."""

    generation: GenerationNumber
    reason: str


class CleanResult(Planned, kw_only=True, frozen=True):
    """What ``mip.clean`` returns; sizes are bytes.

    In a dry run: what would be removed and freed.
    """

    federation: str
    changed: bool
    kept: Annotated[list[GenerationNumber], Meta(description="generations, growing")]
    removed: Annotated[list[GenerationNumber], Meta(description="generations, growing")]
    contents: Annotated[Natural, Meta(description="contents removed: CDEs and pathologies.json")]
    needed: list[NeededGeneration]
    freed: Natural
    used: Annotated[Natural, Meta(description="by generations and contents, now")]
    quota: Natural


class ListedDataset(Facts, kw_only=True, frozen=True):
    """A dataset of a generation on one of its nodes, and whether researchers can use it now."""

    pathology: str
    dataset: str
    node: str
    available: Annotated[
        bool | None, Meta(description="the engine answers queries of it; null: not known")
    ]
    reason: Annotated[Absent[str], Meta(description="why it is not available")] = UNSET


class UnavailableDataset(Facts, kw_only=True, frozen=True):
    """A dataset that is listed, and whose data are not there to be served."""

    pathology: str
    dataset: str
    node: str
    reason: str


class RollbackResult(Planned, kw_only=True, frozen=True):
    """What ``mip.rollback`` returns."""

    federation: str
    generation: GenerationNumber | None
    restored: GenerationNumber
    changed: bool
    nodes: dict[str, Written]
    plan: list[PlanItem]
    compile: Absent[Databases] = UNSET
    restarted: Absent[list[PlanItem]] = UNSET
    served: Absent[bool | None] = UNSET
    unavailable: Annotated[
        Absent[list[UnavailableDataset]],
        Meta(description="datasets that are listed again, and whose data are not there"),
    ] = UNSET
    datasets: Annotated[
        Absent[list[ListedDataset]],
        Meta(description="of the restored generation; absent: what is served is not known"),
    ] = UNSET
    differences: Annotated[
        Absent[list[str]], Meta(description="of files on nodes, then of what engines serve")
    ] = UNSET
    problems: Absent[list[ReportedProblem]] = UNSET
    notes: Absent[list[str]] = UNSET
