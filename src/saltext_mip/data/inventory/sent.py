"""The form in which a node sends its inventory and its problems, as types.

Only the pusher decodes it: a node imports nothing of this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType

from saltext_mip.data.inventory.model import FileRecord, Inventory, PathologyRecord, Status
from saltext_mip.data.limits import CODE_CHARS, DATASETS_OF_FILE, FILES, PATHOLOGIES
from saltext_mip.errors import BadAnswer, UnsafeName
from saltext_mip.problems import Problem
from saltext_mip.rules import RULES
from saltext_mip.schemas.decoding import decode
from saltext_mip.storage import paths
from saltext_mip.text import shown

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Text = Annotated[str, Meta(max_length=2000)]
Name = Annotated[str, Meta(max_length=255)]
Whole = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Count: TypeAlias = Whole | Annotated[str, Meta(pattern=r"^[<>](0|[1-9][0-9]{0,18})$(?!\n)")]


class SentProblem(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A problem as a node sends it: only what is set."""

    rule: Annotated[str, Meta(max_length=64)]
    pathology: Text | UnsetType = UNSET
    file: Text | UnsetType = UNSET
    line: Whole | UnsetType = UNSET
    column: Text | UnsetType = UNSET
    about: Text | UnsetType = UNSET
    count: Count = 1
    lines: Annotated[tuple[Whole, ...], Meta(max_length=100)] = ()

    def problem(
        self, node: str, *, pathology: str | None = None, file: str | None = None
    ) -> Problem:
        """The problem of ``node``, which speaks of itself alone; the place wins over its own."""
        if self.rule not in RULES:
            raise BadAnswer("it names a rule that does not exist", node=node)
        return Problem(
            self.rule,
            node,
            pathology or self.pathology or None,
            file or self.file or None,
            None if self.line is UNSET else self.line,
            None if self.column is UNSET else self.column,
            self.count if isinstance(self.count, int) else 1,
            self.lines,
            None if self.about is UNSET else self.about,
            masked=None if isinstance(self.count, int) else self.count,
        )


Problems = Annotated[tuple[SentProblem, ...], Meta(max_length=100_000)]


class SentFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One CSV file; ``header`` is the number of its header in the inventory's ``headers``."""

    name: Text
    size: Whole | Annotated[str, Meta(pattern=r"^<(0|[1-9][0-9]{0,18}) kB$(?!\n)")]
    sha256: Annotated[str, Meta(pattern=r"^((hmac:)?[0-9a-f]{64})?$(?!\n)")]
    rows: Count
    datasets: Annotated[
        tuple[tuple[Annotated[str, Meta(min_length=1, max_length=CODE_CHARS)], Count], ...],
        Meta(max_length=DATASETS_OF_FILE),
    ]
    problems: Problems
    verified: Annotated[dict[Sha256, Problems], Meta(max_length=8)]
    header: Whole | UnsetType = UNSET


class SentPathology(Struct, frozen=True, forbid_unknown_fields=True):
    """One folder with its files."""

    name: Text
    cde: Sha256 | None
    problems: Problems
    files: Annotated[tuple[SentFile, ...], Meta(max_length=FILES)]
    cde_problem: SentProblem | UnsetType = UNSET


class SentInventory(Struct, frozen=True, forbid_unknown_fields=True):
    """All that a node answers about its data."""

    form: Literal[1]
    federation: Name
    node: Name
    status: Status
    enrolled: bool
    problems: Problems
    pathologies: Annotated[tuple[SentPathology, ...], Meta(max_length=PATHOLOGIES)]
    headers: Annotated[
        tuple[Annotated[tuple[Name, ...], Meta(min_length=1, max_length=32_767)], ...],
        Meta(max_length=20_000),
    ]


Named = TypeVar("Named", SentPathology, SentFile)


def read(node: str, federation: str, value: Any) -> Inventory:
    """What ``node`` answered about ``federation``; :class:`BadAnswer` if it is not that."""
    sent = decode(SentInventory, value, node=node)
    if (sent.federation, sent.node) != (federation, node):
        raise BadAnswer("it names another federation or node", node=node)
    for names in sent.headers:
        if _CONTROL.search("".join(names)):
            raise BadAnswer("headers hold something that is no column's name", node=node)
    reader = _Reader(node, sent.headers)
    return Inventory(
        federation=federation,
        node=node,
        status=sent.status,
        enrolled=sent.enrolled,
        pathologies=reader.pathologies(sent.pathologies),
        problems=tuple(found.problem(node) for found in sent.problems),
    )


class _Reader:
    """What a node sent, turned into records; checked by name and for what no type tells."""

    def __init__(self, node: str, headers: Sequence[tuple[str, ...]]) -> None:
        self._node = node
        self._headers = headers

    def pathologies(self, sent: Iterable[SentPathology]) -> tuple[PathologyRecord, ...]:
        return tuple(self._pathology(each) for each in self._ordered(sent, _is_folder))

    def _pathology(self, sent: SentPathology) -> PathologyRecord:
        name, node = sent.name, self._node
        return PathologyRecord(
            name=name,
            files=tuple(self._file(name, file) for file in self._ordered(sent.files, _is_csv)),
            cde=sent.cde,
            cde_problem=sent.cde_problem.problem(node, pathology=name)
            if sent.cde_problem
            else None,
            problems=tuple(found.problem(node, pathology=name) for found in sent.problems),
        )

    def _file(self, pathology: str, sent: SentFile) -> FileRecord:
        header: tuple[str, ...] = ()
        if not isinstance(sent.header, UnsetType):
            if sent.header >= len(self._headers):
                raise BadAnswer("a file names a header that is not there", node=self._node)
            header = self._headers[sent.header]
        codes = [code for code, _ in sent.datasets]
        if len(set(codes)) < len(codes) or _CONTROL.search("".join(codes)):
            raise BadAnswer("unexpected format of a file's datasets", node=self._node)

        def problems(found: Iterable[SentProblem]) -> tuple[Problem, ...]:
            node, file = self._node, sent.name
            return tuple(each.problem(node, pathology=pathology, file=file) for each in found)

        record = FileRecord(
            name=sent.name,
            size=sent.size,
            sha256=sent.sha256,
            rows=sent.rows,
            datasets=sent.datasets,
            header=header,
            problems=problems(sent.problems),
            verified={digest: problems(found) for digest, found in sent.verified.items()},
        )
        if record.sound and not (record.sha256 and record.header):
            raise BadAnswer("a file without a problem has no content", node=self._node)
        return record

    def _ordered(self, sent: Iterable[Named], is_data: Callable[[str], bool]) -> Iterable[Named]:
        """Each checked by name; they come sorted, and none twice."""
        before = ""
        for each in sent:
            name = each.name
            try:
                paths.check_name(name)
            except UnsafeName as error:
                raise BadAnswer(str(error), node=self._node) from None
            if not is_data(name):
                raise BadAnswer(f"'{shown(name)}' is not the name of a data file", node=self._node)
            if name <= before:
                raise BadAnswer(f"'{shown(name)}' is twice, or not in order", node=self._node)
            before = name
            yield each


def _is_folder(name: str) -> bool:
    return not name.startswith(".")


def _is_csv(name: str) -> bool:
    return name.endswith(".csv") and not name.startswith(".")
