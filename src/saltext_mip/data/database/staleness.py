"""Whether a database is still what its sources say, and if not, why.

Comparing costs a ``stat`` a file: only what has another stamp than it had is read, and only to be
hashed. Nothing is written.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace

from saltext_mip import text
from saltext_mip.data.cde.model import Cde, parse
from saltext_mip.data.csvfile import open_files, reader
from saltext_mip.data.csvfile.reader import Stamp
from saltext_mip.data.data_path import Listing, cde_content, csv_files
from saltext_mip.data.database import sqlite as database
from saltext_mip.data.database.build_record import BuildRecords, Recipe, Record, Source
from saltext_mip.data.database.held_files import NOT_HELD, HeldFiles
from saltext_mip.federation import CDE_FILE, DATABASE_FILE
from saltext_mip.storage.beneath import File, Folder

_CHUNK = 1 << 20
_NAMED = 3  # files in a reason

_RECIPE = (
    ("format", "the format of databases changed"),
    ("rules_version", "the rules for values changed"),
    ("with_rows", "the node has another role"),
    ("subjectcode", "the setting compile: subjectcode changed"),
    ("cde", "the CDE changed"),
)


class BuildState:
    """A pathology's folder as it is now, and what its database was made of.

    ``record`` is what is known of the database that is there; ``exact`` tells whether it is the
    very file, not one that was put back from a copy. ``same`` are the sources that hold what they
    held, by name, with the stamps of now. A file that a program has open for writing is what it was
    before: in the database as it was compiled, or not there. So is one that is ``held``.
    """

    def __init__(
        self,
        folder: Folder,
        records: BuildRecords,
        *,
        rows: bool,
        subjectcode: bool,
        held: HeldFiles = NOT_HELD,
    ) -> None:
        self.folder = folder
        self.target = folder / DATABASE_FILE
        self.record, self.exact = records.find(self.target)
        self.listing = csv_files(folder) if rows else Listing()
        self.cde_stamp = stamp(folder / CDE_FILE)
        self.recipe = Recipe(self._cde_digest(), subjectcode, rows)
        self.same: dict[str, Source] = {}
        sources = self.record.sources if self.record else {}
        self.held = frozenset(name for name in held.kept if name in sources and sources[name].spans)
        free = [name for name in self.listing.names if name not in self.held | held.left_out]
        written = {name for name in free if _is_written(folder / name)}
        free = [name for name in free if name in sources or name not in written]
        names = tuple(sorted((*free, *self.held)))
        self.listing = replace(self.listing, names=names)
        self._names = frozenset(names)
        for name, source in sources.items():
            if name not in self._names:
                continue
            as_it_was = name in written or name in self.held
            found = source if as_it_was else unchanged(source, folder / name)
            if found:
                self.same[name] = found

    @property
    def unreadable(self) -> bool:
        """Whether nobody can say which files there are."""
        return any(problem.file is None for problem in self.listing.problems)

    def reason(self, *, strict: bool = False) -> str | None:
        """Why the database must be rebuilt; ``None`` if it need not be."""
        if self.record is None or not self.exact:
            return self._why_unknown()
        for key, reason in _RECIPE:
            if getattr(self.record.recipe, key) != getattr(self.recipe, key):
                return reason
        facts = list(self._changes(self.record, strict=strict))
        if len(facts) > _NAMED:
            return f"{'; '.join(facts[:_NAMED])}; and {len(facts) - _NAMED} more files"
        return "; ".join(facts) or None

    def sources(self) -> dict[str, Source]:
        """Those of the record, with the stamps of now."""
        return {**(self.record.sources if self.record else {}), **self.same}

    def cde(self, pathology: str) -> Cde | None:
        """The folder's CDE; ``None`` where there is none. ``CdeInvalid``, ``OSError``,
        ``UnsafeName``."""
        try:
            content = cde_content(self.folder)
        except FileNotFoundError:
            return None
        return parse(content, pathology=pathology)

    def _changes(self, record: Record, *, strict: bool) -> Iterator[str]:
        odd = {problem.file for problem in self.listing.problems}
        for name in self.listing.names:
            if name not in record.sources:
                yield f"'{text.shown(name)}' is new"
            elif name not in self.same:
                yield f"'{text.shown(name)}' changed"
            elif name not in self.held and outdated(self.same[name], strict=strict):
                yield f"'{text.shown(name)}' is checked less strictly"
        for name in record.sources:
            if name not in self._names and name not in odd:
                yield f"'{text.shown(name)}' was removed"

    def _why_unknown(self) -> str:
        if any(side.exists() for side in database.sides(self.target)):
            return "another program writes the database, or was interrupted while writing"
        match stamp(self.target):
            case None:
                return "the database does not exist"
            case Stamp(size=0):
                return "the database is empty"
        if self.record is not None:
            return "the database was restored from a copy"
        return "the database is not one that was compiled here"

    def _cde_digest(self) -> str:
        if self.cde_stamp is None:
            return ""
        if self.record is not None and self.record.cde_stamp == self.cde_stamp:
            return self.record.recipe.cde
        return digest(self.folder / CDE_FILE)


def outdated(source: Source, *, strict: bool) -> bool:
    """Whether it was left out for what keeps no file out any more."""
    return source.state != "compiled" and not source.bad(strict=strict)


def stamp(path: File) -> Stamp | None:
    """The stamp of a file; ``None`` where it cannot be had."""
    try:
        return Stamp.of(path.stat())
    except OSError:
        return None


def _is_written(path: File) -> bool:
    try:
        return open_files.path_is_written(path, path.stat(), time.time())
    except OSError:  # reading it tells
        return False


def digest(path: File) -> str:
    """The SHA-256 of a file; "" where it cannot be read."""
    found = hashlib.sha256()
    try:
        with path.open() as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
    except OSError:
        return ""
    return found.hexdigest()


def unchanged(source: Source, path: File) -> Source | None:
    """``source`` with the stamp of now if the file still holds what it did, else ``None``."""
    now = stamp(path)
    if now is not None and now == source.stamp:
        return source
    if now is not None and source.stamp is not None and now.size != source.stamp.size:
        return None
    # of one that was refused, the digest is of what was read
    found = reader.read(path).sha256 if source.state == "out" else digest(path)
    if found != source.sha256:
        return None
    return replace(source, stamp=now)
