"""One node's inventory as values, and the form in which it is sent and checked.

What leaves a node is made by :meth:`Inventory.wire`: no cell's value but the codes of datasets, and
small counts of rows masked. What comes back is checked by :meth:`Inventory.from_wire` like any
input, against ``schemas/inventory.json`` and by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from saltext_mip import schemas, text
from saltext_mip.errors import BadAnswer, UnsafeName
from saltext_mip.problems import Problem
from saltext_mip.storage import paths

# rows: a number; "<10" for one below min_count; ">474" where the exact sum would tell a small part
Count = int | str
Status = Literal["ok", "MountGone", "NoDataPath"]

FORM = 1  # of the wire
_NAME_CHARS = 255
_LIMIT = 50  # problems of a file that are sent one by one
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_PLACE: dict[str, Any] = {"node": None, "pathology": None, "file": None}


@dataclass(frozen=True)
class FileRecord:
    """One CSV file. ``sha256`` is "" and ``header`` () where it could not be read.

    ``datasets`` are pairs of code and rows in the order of first appearance, () where the file is
    not sound. ``problems`` are those of its form; ``verified`` maps a CDE's rules digest to what
    was found against that CDE, that of the folder's own CDE first.
    """

    name: str
    size: int = 0
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
    def all_problems(self) -> tuple[Problem, ...]:
        """Those of its form, and those against the first CDE of ``verified``."""
        return (*self.problems, *next(iter(self.verified.values()), ()))

    def masked(self, min_count: int) -> FileRecord:
        """The same with small counts masked, and none to be found out by a subtraction."""
        datasets = tuple((code, _masked(count, min_count)) for code, count in self.datasets)
        rows = _masked(self.rows, min_count)
        if isinstance(rows, int) and any(isinstance(count, str) for _, count in datasets):
            rows = f">{sum(count for _, count in datasets if isinstance(count, int))}"
        return replace(self, rows=rows, datasets=datasets)


@dataclass(frozen=True)
class PathologyRecord:
    """One folder. ``cde`` is the SHA-256 of the CDE file in it, ``None`` where there is none.

    A hard problem ``Unreadable`` in ``problems`` means that its files are unknown, not that there
    are none.
    """

    name: str
    files: tuple[FileRecord, ...] = ()
    cde: str | None = None
    cde_problem: Problem | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Inventory:
    """What one node has. Pathologies and files are in the order of their names' code points."""

    federation: str
    node: str
    status: Status = "ok"
    enrolled: bool = False
    pathologies: tuple[PathologyRecord, ...] = ()
    problems: tuple[Problem, ...] = ()

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
        if first := schemas.first_error("inventory", value):
            raise BadAnswer(f"{first[0] or 'all of it'} {first[1]}", node=node_id)
        if (value["federation"], value["node"]) != (federation, node_id):
            raise BadAnswer("it speaks of another federation or node", node=node_id)
        reader = _Reader(node_id, [_header(node_id, names) for names in value["headers"]])
        return cls(
            federation=federation,
            node=node_id,
            status=value["status"],
            enrolled=value["enrolled"],
            pathologies=reader.pathologies(value["pathologies"]),
            problems=tuple(Problem.from_wire(node_id, found) for found in value["problems"]),
        )


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
        "problems": [problem.at(**_PLACE).wire() for problem in _limited(record.problems)],
        "verified": {
            digest: [problem.at(**_PLACE).wire() for problem in _limited(found)]
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


def _header(node: str, names: Sequence[Any]) -> tuple[str, ...]:
    # by hand: there may be a million, and a schema takes microseconds for each
    fit = all(type(name) is str and len(name) <= _NAME_CHARS for name in names)
    if not fit or _CONTROL.search("".join(names)):
        raise BadAnswer("headers hold something that is no column's name", node=node)
    return tuple(names)


def _count(value: Any) -> Count:
    return value if isinstance(value, str) else int(value)  # to a schema, 3.0 is an integer


class _Reader:
    """What a node sent, of the schema's shape, turned into records."""

    def __init__(self, node: str, headers: Sequence[tuple[str, ...]]) -> None:
        self._node = node
        self._headers = headers

    def pathologies(self, values: Iterable[Mapping[str, Any]]) -> tuple[PathologyRecord, ...]:
        return tuple(self._pathology(value) for value in self._ordered(values, _is_folder))

    def _pathology(self, value: Mapping[str, Any]) -> PathologyRecord:
        name = value["name"]
        cde_problem = value.get("cde_problem")
        return PathologyRecord(
            name=name,
            files=tuple(self._file(name, file) for file in self._ordered(value["files"], _is_csv)),
            cde=value["cde"],
            cde_problem=self._problem(cde_problem, pathology=name) if cde_problem else None,
            problems=self._problems(value["problems"], pathology=name),
        )

    def _file(self, pathology: str, value: Mapping[str, Any]) -> FileRecord:
        place = {"pathology": pathology, "file": value["name"]}
        header = value.get("header")
        if header is not None and header >= len(self._headers):
            raise BadAnswer("a file names a header that is not there", node=self._node)
        datasets = tuple((code, _count(count)) for code, count in value["datasets"])
        codes = [code for code, _ in datasets]
        if len(set(codes)) < len(codes) or _CONTROL.search("".join(codes)):
            raise BadAnswer("a file's datasets are not of the shape", node=self._node)
        record = FileRecord(
            name=value["name"],
            size=int(value["size"]),
            sha256=value["sha256"],
            rows=_count(value["rows"]),
            datasets=datasets,
            header=() if header is None else self._headers[int(header)],
            problems=self._problems(value["problems"], **place),
            verified={
                digest: self._problems(found, **place)
                for digest, found in value["verified"].items()
            },
        )
        if record.sound and not (record.sha256 and record.header):
            raise BadAnswer("a file without a problem has no content", node=self._node)
        return record

    def _problems(self, values: Iterable[Mapping[str, Any]], **place: str) -> tuple[Problem, ...]:
        return tuple(self._problem(value, **place) for value in values)

    def _problem(self, value: Mapping[str, Any], **place: str) -> Problem:
        return Problem.from_wire(self._node, value).at(**place)

    def _ordered(
        self, values: Iterable[Mapping[str, Any]], is_data: Callable[[str], bool]
    ) -> Iterable[Mapping[str, Any]]:
        """Each checked by name; they come sorted, and none twice."""
        before = ""
        for value in values:
            name = value["name"]
            try:
                paths.check_name(name)
            except UnsafeName as error:
                raise BadAnswer(str(error), node=self._node) from None
            if not is_data(name):
                raise BadAnswer(f"'{text.shown(name)}' is no name of data", node=self._node)
            if name <= before:
                raise BadAnswer(f"'{text.shown(name)}' is twice, or not in order", node=self._node)
            before = name
            yield value


def _is_folder(name: str) -> bool:
    return not name.startswith(".")


def _is_csv(name: str) -> bool:
    return name.endswith(".csv") and not name.startswith(".")
