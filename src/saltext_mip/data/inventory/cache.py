"""What a node remembers of its files, so that what did not change is not read again.

It is a file of our own state, and may be lost or broken: then everything is read again. It
holds findings with the values that they stand on, as the report in the data path does; it never
leaves the node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saltext_mip import __version__
from saltext_mip.data.csvfile.reader import Stamp, Table
from saltext_mip.problems import Finding, Problem
from saltext_mip.storage import state as state_files

_BY = f"saltext-mip {__version__}"  # another version may judge otherwise
_DIGESTS = 4  # remembered verifications of a file
_SECOND = 1_000_000_000
_TICK = 50_000_000  # ns: more than a kernel's, by which it stamps files
_COARSE_TICK = 2 * _SECOND  # where a file system has whole seconds only

Findings = tuple[Finding, ...]
Place = tuple[str, str]  # pathology, file


@dataclass(frozen=True)
class _Entry:
    table: Table
    stamp: Stamp
    looked: int  # when that stamp was first seen, in ns
    settled: bool  # whatever was written with that stamp had been written by then


@dataclass(frozen=True)
class Asked:
    """A CDE to come: the digest of its rules, the SHA-256 of the folder's ``own`` CDE then, and the
    variables that it judges otherwise than that one."""

    digest: str
    own: str | None
    changed: Sequence[str] = ()


@dataclass
class InventoryCache:
    """The last collection. What is not asked for before :meth:`save` is forgotten."""

    _path: Path
    _old: Mapping[Place, _Entry] = field(default_factory=dict)
    _old_verified: Mapping[str, Mapping[str, Findings]] = field(default_factory=dict)
    _old_cdes: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    _old_asked: Mapping[str, Asked] = field(default_factory=dict)
    _old_shared: Mapping[str, Mapping[str, Findings]] = field(default_factory=dict)
    _new: dict[Place, _Entry] = field(default_factory=dict)
    _verified: dict[str, dict[str, Findings]] = field(default_factory=dict)
    _cdes: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    _asked: dict[str, Asked] = field(default_factory=dict)
    _shared: dict[str, Mapping[str, Findings]] = field(default_factory=dict)

    @classmethod
    def load(cls, state: Path, *, data_path: Path) -> InventoryCache:
        """What was remembered of that data path; nothing where there is no such memory."""
        path = state / state_files.INVENTORY_CACHE
        try:
            value = state_files.read_state(path)
            if value is None or value["by"] != _BY or value["data_path"] != str(data_path):
                return cls(path)
            headers = [tuple(header) for header in value["headers"]]
            return cls(
                path,
                _old={
                    (pathology, name): _entry(entry, headers)
                    for pathology, of in value["files"].items()
                    for name, entry in of.items()
                },
                _old_verified={
                    sha256: {digest: _findings(found) for digest, found in of.items()}
                    for sha256, of in value["verified"].items()
                },
                _old_cdes={sha256: (of[0], of[1]) for sha256, of in value["cdes"].items()},
                _old_asked={name: Asked(*of) for name, of in value["asked"].items()},
                _old_shared={
                    key: {name: _findings(found) for name, found in of.items()}
                    for key, of in value["shared"].items()
                },
            )
        except state_files.UNREADABLE:
            return cls(path)

    def table(self, place: Place, stamp: Stamp) -> Table | None:
        """The table of a file that is as it was when it was read."""
        entry = self._old.get(place)
        if entry is None or entry.stamp != stamp or not entry.settled:
            return None
        self._new[place] = entry
        return entry.table

    def keep(self, place: Place, table: Table, stamp: Stamp, looked: int) -> None:
        """Remember what was read of a file at that time.

        One that was written just before may be written again within the same tick of its file
        system's clock: it is not settled, and is read once more. Where that clock goes ahead of
        ours, a later collection settles it.
        """
        before = self._old.get(place)
        first = before.looked if before is not None and before.stamp == stamp else looked
        tick = _TICK if stamp.mtime_ns % _SECOND else _COARSE_TICK
        settled = (
            max(stamp.mtime_ns, stamp.ctime_ns) + tick < looked or first + _COARSE_TICK < looked
        )
        self._new[place] = _Entry(table, stamp, first, settled)

    def verified(self, sha256: str, digest: str) -> Findings | None:
        """What a content was found to be against the CDE rules of that digest."""
        found = self._verified.get(sha256, {}).get(digest)
        return self._old_verified.get(sha256, {}).get(digest) if found is None else found

    def keep_verified(self, sha256: str, digest: str, found: Findings) -> None:
        self._verified.setdefault(sha256, {})[digest] = found

    def cde(self, key: str) -> tuple[str | None, str | None] | None:
        """The rules digest of the CDE file that ``key`` stands for, or what is wrong with it."""
        if found := self._old_cdes.get(key):
            self._cdes[key] = found
        return self._cdes.get(key)

    def keep_cde(self, key: str, digest: str | None, wrong: str | None) -> None:
        self._cdes[key] = (digest, wrong)

    def asked(self, pathology: str, own: str | None) -> Asked | None:
        """The last CDE to come, unless the folder's ``own`` has changed since."""
        asked = self._asked.get(pathology) or self._old_asked.get(pathology)
        return asked if asked and asked.own == own else None

    def keep_asked(self, pathology: str, asked: Asked) -> None:
        self._asked[pathology] = asked

    def shared(self, key: str) -> Mapping[str, Findings] | None:
        """What was found by file where the files that ``key`` stands for were compared."""
        if (found := self._old_shared.get(key)) is not None:
            self._shared[key] = found
        return self._shared.get(key)

    def keep_shared(self, key: str, found: Mapping[str, Findings]) -> None:
        self._shared[key] = found

    def save(self, data_path: Path) -> bool:
        """Write what is still of use; False if nothing is new."""
        headers: dict[tuple[str, ...], int] = {}
        places: dict[str, dict[str, Any]] = {}
        for (pathology, name), entry in sorted(self._new.items()):
            places.setdefault(pathology, {})[name] = _entry_value(entry, headers)
        contents = {entry.table.sha256 for entry in self._new.values()}
        value = {
            "by": _BY,
            "data_path": str(data_path),
            "headers": [list(header) for header in headers],
            "files": places,
            "verified": {sha256: of for sha256 in sorted(contents) if (of := self._of(sha256))},
            "cdes": {sha256: list(of) for sha256, of in self._cdes.items()},
            "asked": {
                name: [of.digest, of.own, of.changed]
                for name, of in {**self._old_asked, **self._asked}.items()
                if name in places
            },
            "shared": {
                key: {name: list(map(_finding_value, found)) for name, found in of.items()}
                for key, of in self._shared.items()
            },
        }
        return state_files.write_state(self._path, value)

    def _of(self, sha256: str) -> dict[str, Any]:
        """The newest first."""
        new, old = self._verified.get(sha256, {}), self._old_verified.get(sha256, {})
        kept = {**new, **{digest: found for digest, found in old.items() if digest not in new}}
        return {
            digest: [_finding_value(finding) for finding in found]
            for digest, found in list(kept.items())[:_DIGESTS]
        }


def _entry(value: Mapping[str, Any], headers: list[tuple[str, ...]]) -> _Entry:
    size, mtime_ns, ctime_ns = value["stamp"]
    table = Table(
        header=() if value["header"] is None else headers[value["header"]],
        datasets=tuple((code, rows) for code, rows in value["datasets"]),
        rows=value["rows"],
        size=size,
        sha256=value["sha256"],
        findings=_findings(value["findings"]),
    )
    return _Entry(
        table,
        Stamp(int(size), int(mtime_ns), int(ctime_ns)),
        int(value["looked"]),
        value["settled"] is True,
    )


def _entry_value(entry: _Entry, headers: dict[tuple[str, ...], int]) -> dict[str, Any]:
    table, stamp = entry.table, entry.stamp
    return {
        "stamp": [stamp.size, stamp.mtime_ns, stamp.ctime_ns],
        "looked": entry.looked,
        "settled": entry.settled,
        "header": headers.setdefault(table.header, len(headers)) if table.header else None,
        "datasets": [list(pair) for pair in table.datasets],
        "rows": table.rows,
        "sha256": table.sha256,
        "findings": [_finding_value(finding) for finding in table.findings],
    }


def _findings(values: Iterable[Mapping[str, Any]]) -> Findings:
    return tuple(
        Finding(
            Problem.from_wire("", value["problem"]).at(node=None),
            tuple((line, example) for line, example in value["examples"]),
            str(value.get("advice", "")),
        )
        for value in values
    )


def _finding_value(finding: Finding) -> dict[str, Any]:
    value: dict[str, Any] = {
        "problem": finding.problem.wire(),
        "examples": [list(example) for example in finding.examples],
    }
    if finding.advice:
        value["advice"] = finding.advice
    return value
