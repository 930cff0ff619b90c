"""What a database was made of, remembered in our state: one file a pathology.

A record is written before its database is put in place, together with the one of the database that
is there; whichever the file turns out to be is the one that counts, so that a crash in between
loses neither. It may be lost or broken: then the database is one that nobody knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from saltext_mip.data.cde.model import RULES_VERSION
from saltext_mip.data.csvfile.reader import Stamp
from saltext_mip.data.database.sqlite import Layout, Mark, sides
from saltext_mip.problems import Problem
from saltext_mip.storage import state as state_files
from saltext_mip.storage.beneath import Where
from saltext_mip.storage.lock import exclusive

# Grows when the same sources make another database than before.
FORMAT = 1

State = Literal["compiled", "kept", "out"]
Span = tuple[int, int]


@dataclass(frozen=True)
class Source:
    """One CSV file: what it was when it was last read, and which rows of DATA are its.

    ``state`` is ``kept`` where the file is bad and the rows are those of ``good``, the content
    (SHA-256) that compiled last; ``out`` where there are none. ``spans`` are pairs of rowids, the
    first and the last. ``sha256`` is "" where the file could not be read.
    """

    state: State
    stamp: Stamp | None
    sha256: str
    good: str = ""
    rows: int = 0
    datasets: tuple[tuple[str, int], ...] = ()
    spans: tuple[Span, ...] = ()
    problems: tuple[Problem, ...] = ()

    def bad(self, *, strict: bool) -> bool:
        return any(problem.at(strict=strict).hard for problem in self.problems)


@dataclass(frozen=True)
class Recipe:
    """What decides, beside the CSV files, how a database comes out.

    ``cde`` is the SHA-256 of the CDE's file, "" where there is none.
    """

    cde: str
    subjectcode: bool
    with_rows: bool
    format: int = FORMAT
    rules_version: int = RULES_VERSION


@dataclass(frozen=True)
class Record:
    """One database: how it is known again, and what it was made of.

    ``rules`` is the CDE's digest of what a file's verdict can depend on, ``layout`` DATA's columns,
    ``notes`` the problems of the CDE.
    """

    mark: Mark
    recipe: Recipe
    rules: str
    layout: Layout
    cde_stamp: Stamp | None
    notes: tuple[Problem, ...] = ()
    sources: Mapping[str, Source] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(source.rows for source in self.sources.values())


class BuildRecords:
    """The records of one pathology's database: of the one that is there, and of the one before."""

    def __init__(self, state: Path, pathology: str) -> None:
        name = hashlib.sha256(pathology.encode("utf-8", "surrogatepass")).hexdigest()
        self.state = state
        self._path = state / state_files.BUILD_RECORDS / f"{name}.json"
        self._pathology = pathology

    def find(self, database: Where) -> tuple[Record | None, bool]:
        """The record of what stands in that file, and whether it is the very file.

        It is not the very file if it was put back from a copy, or a change is on its way; a file of
        anything else has no record.
        """
        mark = Mark.of(database)
        if mark is None:
            return None, False
        known = [record for record in self._load() if record.mark.header == mark.header]
        for record in known:
            if record.mark == mark:
                return record, not any(side.exists() for side in sides(database))
        return (known[0] if known else None), False

    def save(self, record: Record, before: Record | None) -> bool:
        """Write it, with that of the database which it is to replace."""
        records = [record] if before is None or before.mark == record.mark else [record, before]
        value = {
            "pathology": self._pathology,
            "databases": [_value(of) for of in records],
        }
        return state_files.write_state(self._path, value)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Only one at a time makes this database: the next waits, and finds it made."""
        with exclusive(self._path.with_suffix(".lock")):
            yield

    def _load(self) -> tuple[Record, ...]:
        try:
            value = state_files.read_state(self._path)
            if value is None or value["pathology"] != self._pathology:
                return ()
            return tuple(_record(of) for of in value["databases"])
        except state_files.UNREADABLE:
            return ()


def _value(record: Record) -> dict[str, Any]:
    return {
        "mark": [record.mark.header, list(record.mark.stat)],
        "recipe": asdict(record.recipe),
        "rules": record.rules,
        "layout": [list(column) for column in record.layout.columns],
        "cde_stamp": _stamp_value(record.cde_stamp),
        "notes": [problem.wire() for problem in record.notes],
        "sources": {
            name: [
                source.state,
                _stamp_value(source.stamp),
                source.sha256,
                source.good if source.good != source.sha256 else None,
                source.rows,
                [list(pair) for pair in source.datasets],
                [list(span) for span in source.spans],
                [problem.wire() for problem in source.problems],
            ]
            for name, source in record.sources.items()
        },
    }


def _record(value: Mapping[str, Any]) -> Record:
    header, status = value["mark"]
    size, mtime_ns, *_ = map(int, status)  # the first versions had the inode number, too
    return Record(
        mark=Mark(str(header), (size, mtime_ns)),
        recipe=Recipe(**value["recipe"]),
        rules=str(value["rules"]),
        layout=Layout(tuple((str(name), str(kind)) for name, kind in value["layout"])),
        cde_stamp=_stamp(value["cde_stamp"]),
        notes=_problems(value["notes"]),
        sources={str(name): _source(of) for name, of in value["sources"].items()},
    )


def _source(value: Iterable[Any]) -> Source:
    state, of, sha256, good, rows, datasets, spans, problems = value
    return Source(
        state=cast("State", str(state)),
        stamp=_stamp(of),
        sha256=str(sha256),
        good=str(sha256 if good is None else good),
        rows=int(rows),
        datasets=tuple((str(code), int(count)) for code, count in datasets),
        spans=tuple((int(first), int(last)) for first, last in spans),
        problems=_problems(problems),
    )


def _problems(values: Iterable[Mapping[str, Any]]) -> tuple[Problem, ...]:
    return tuple(Problem.from_wire("", value).at(node=None) for value in values)


def _stamp_value(of: Stamp | None) -> list[int] | None:
    return None if of is None else [of.size, of.mtime_ns, of.ctime_ns]


def _stamp(value: Any) -> Stamp | None:
    if value is None:
        return None
    size, mtime_ns, ctime_ns = map(int, value)
    return Stamp(size, mtime_ns, ctime_ns)
