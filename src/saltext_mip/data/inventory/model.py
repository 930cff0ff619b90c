"""One node's inventory as values, and the form in which it is sent and checked.

What leaves a node is made by :meth:`Inventory.wire`: no cell's value but the codes of datasets, and
small counts of rows masked. What comes back is checked by :meth:`Inventory.from_wire` like any
input, against the types of :mod:`saltext_mip.data.inventory.sent` and by name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from saltext_mip.data.inventory.fingerprints import rounded
from saltext_mip.problems import Problem

# rows: a number; "<10" for one below min_count; ">474" where the exact sum would tell a small part
Count = int | str
Size = int | str  # bytes; "<1 kB" of a file with few rows
Status = Literal["ok", "MountGone", "NoDataPath", "Unreadable", "DataDiskHangs"]

#: Rules that, of a whole folder, mean that its files are unknown.
UNKNOWN = frozenset({"Unreadable", "MountGone", "TooManyFiles", "TooManyTrials"})

FORM = 1  # of the wire
_LIMIT = 50  # problems of a file that are sent one by one
_PLACE: dict[str, Any] = {"node": None, "pathology": None, "file": None}


@dataclass(frozen=True)
class FileRecord:
    """One CSV file. ``sha256`` is "" and ``header`` () where it could not be read.

    ``sha256`` is a fingerprint with the node's key (:mod:`.fingerprints`), or, of an earlier
    version, plain; ``size`` is in bytes, or its order. ``datasets`` are pairs of code and rows in
    the order of first appearance, () where the file is not sound. ``problems`` are those of its
    form; ``verified`` maps a CDE's rules digest to what was found against that CDE, that of the
    folder's own CDE first.
    """

    name: str
    size: Size = 0
    sha256: str = ""
    rows: Count = 0
    datasets: tuple[tuple[str, Count], ...] = ()
    header: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    verified: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict, hash=False)

    @property
    def sound(self) -> bool:
        """Whether it can be read as a table."""
        return not any(problem.hard for problem in self.problems)

    @property
    def is_open(self) -> bool:
        """Whether a program has it open for writing, so that it was not read."""
        return any(problem.rule == "FileOpen" for problem in self.problems)

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Those of its form, and those against the first CDE of ``verified``."""
        return (*self.problems, *next(iter(self.verified.values()), ()))

    def masked(self, min_count: int) -> FileRecord:
        """As it may leave the node: small counts masked, and none to be found out by a subtraction;
        no lines of values.

        The size of a file with few rows, or of which no rows were counted, is rounded.
        """
        datasets = tuple((code, _masked(count, min_count)) for code, count in self.datasets)
        rows = _masked(self.rows, min_count)
        if isinstance(rows, int) and any(isinstance(count, str) for _, count in datasets):
            rows = f">{sum(count for _, count in datasets if isinstance(count, int))}"
        size = self.size
        if isinstance(size, int) and isinstance(self.rows, int) and self.rows < min_count:
            size = rounded(size)
        own = self.rows if isinstance(self.rows, int) else None

        def outside(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
            return tuple(each.outside(min_count, own) for each in _limited(problems))

        return replace(
            self,
            size=size,
            rows=rows,
            datasets=datasets,
            problems=outside(self.problems),
            verified={digest: outside(found) for digest, found in self.verified.items()},
        )


@dataclass(frozen=True)
class PathologyRecord:
    """One folder. ``cde`` is the SHA-256 of the CDE file in it, ``None`` where there is none.

    A hard problem in ``problems`` that is of no file means that its files are unknown, not that
    there are none.
    """

    name: str
    files: tuple[FileRecord, ...] = ()
    cde: str | None = None
    cde_problem: Problem | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def unknown(self) -> str | None:
        """The rule by which nobody can tell which files there are; ``None`` where one can."""
        rules = (each.rule for each in self.problems if each.rule in UNKNOWN and not each.file)
        return next(rules, None)


@dataclass(frozen=True)
class Inventory:
    """What one node has. Pathologies and files are in the order of their names' code points."""

    federation: str
    node: str
    status: Status = "ok"
    enrolled: bool = False
    pathologies: tuple[PathologyRecord, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def absence(self) -> Problem | None:
        """Why nothing is known of its data; ``None`` where something is."""
        if self.status == "ok":
            return None
        found = (problem for problem in self.problems if problem.rule == self.status)
        return next(found, Problem(self.status)).at(node=self.node)

    def refusing(self, pathologies: Collection[str]) -> Inventory:
        """The same, where the node does not answer about the CDEs of these pathologies."""
        records = tuple(
            PathologyRecord(
                record.name,
                cde=record.cde,
                cde_problem=record.cde_problem,
                problems=(Problem("TooManyTrials", node=self.node, pathology=record.name),),
            )
            if record.name in pathologies
            else record
            for record in self.pathologies
        )
        return replace(self, pathologies=records)

    def masked(self, min_count: int) -> Inventory:
        """As it may leave the node."""
        pathologies = tuple(
            replace(record, files=tuple(file.masked(min_count) for file in record.files))
            for record in self.pathologies
        )
        return replace(self, pathologies=pathologies)

    def wire(self, min_count: int) -> dict[str, Any]:
        """The form in which the node sends it: each distinct header once."""
        headers: dict[tuple[str, ...], int] = {}
        return {
            "form": FORM,
            "federation": self.federation,
            "node": self.node,
            "status": self.status,
            "enrolled": self.enrolled,
            "problems": [problem.at(node=None).wire() for problem in self.problems],
            "pathologies": [
                _pathology_wire(record, headers) for record in self.masked(min_count).pathologies
            ],
            "headers": [list(header) for header in headers],
        }

    @classmethod
    def from_wire(cls, node_id: str, federation: str, value: Any) -> Inventory:
        """What node ``node_id`` answered about ``federation``; :class:`BadAnswer` if it is not."""
        from saltext_mip.data.inventory.sent import read  # a node decodes nothing

        return read(node_id, federation, value)


def _masked(count: Count, min_count: int) -> Count:
    return f"<{min_count}" if isinstance(count, int) and count < min_count else count


def _pathology_wire(record: PathologyRecord, headers: dict[tuple[str, ...], int]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": record.name,
        "cde": record.cde,
        "problems": [problem.at(node=None, pathology=None).wire() for problem in record.problems],
        "files": [_file_wire(file, headers) for file in record.files],
    }
    if record.cde_problem is not None:
        out["cde_problem"] = record.cde_problem.at(**_PLACE).wire()
    return out


def _file_wire(record: FileRecord, headers: dict[tuple[str, ...], int]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": record.name,
        "size": record.size,
        "sha256": record.sha256,
        "rows": record.rows,
        "datasets": [list(pair) for pair in record.datasets],
        "problems": [problem.at(**_PLACE).wire() for problem in record.problems],
        "verified": {
            digest: [problem.at(**_PLACE).wire() for problem in found]
            for digest, found in record.verified.items()
        },
    }
    if record.header:
        out["header"] = headers.setdefault(record.header, len(headers))
    return out


def _limited(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """The first of a file's problems, and how many more there are by rule.

    A file of a thousand columns for another CDE has a thousand; the report in its folder has all.
    """
    rest: dict[str, list[Problem]] = {}
    for problem in problems[_LIMIT:]:
        rest.setdefault(problem.rule, []).append(problem)
    more = (
        Problem(
            rule,
            line=alike[0].line,
            count=sum(problem.count for problem in alike),
            about=f"in {len(alike)} more column{'s' * (len(alike) > 1)}",
        )
        for rule, alike in rest.items()
    )
    return (*problems[:_LIMIT], *more)
