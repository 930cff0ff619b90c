"""Which CDEs this node was asked to verify its files against, and how many it answers.

Whether a file fits a CDE is an answer about its values: who may edit a CDE could find a value by
asking often enough. So each CDE whose rules about values are new counts, and after some of them in
a day the node refuses, until the hospital allows more. Labels and datasets are no such rules.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from saltext_mip.data.cde.model import Cde, CdeInvalid, changed_rules, parse, rules_digest
from saltext_mip.data.data_path import cde_content, pathologies
from saltext_mip.data.inventory.cache import Asked, InventoryCache
from saltext_mip.data.inventory.cde_rules import CdeRules
from saltext_mip.data.inventory.model import FileRecord
from saltext_mip.errors import UnsafeName
from saltext_mip.problems import Problem
from saltext_mip.storage import atomic
from saltext_mip.storage.beneath import Folder
from saltext_mip.storage.lock import exclusive
from saltext_mip.storage.paths import names
from saltext_mip.storage.state import ASKED, decode_state

MOST = 20  # different CDEs of a pathology
WITHIN = timedelta(hours=24)

_BYTES, _KEPT = 1 << 20, 1 << 19  # of the file: beyond the first it is cut to the second
_CHANGED = 50  # variables that an entry names

What = Literal["answered", "refused", "allowed"]


@dataclass(frozen=True)
class Entry:
    """One line: a CDE that was asked about for the first time, or what the hospital decided.

    ``rules`` is the digest of its rules about values, ``cde`` the SHA-256 of its content, ``job``
    Salt's job, ``changed`` the first variables whose rules are not those of the node's own CDE.
    """

    when: str
    pathology: str
    what: What
    rules: str = ""
    cde: str = ""
    job: str = ""
    changed: tuple[str, ...] = ()


class Trials:
    """The record in the node's folder ``state``. ``now`` gives the time."""

    def __init__(self, state: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._path = state / ASKED
        self._now = now

    def may_ask(
        self, pathology: str, rules: str, *, cde: str = "", job: str = "", changed: tuple[str, ...]
    ) -> bool:
        """Whether the node answers about these rules; the first time, that is recorded."""
        with names(self._path), exclusive(self._path, os.O_APPEND) as fd:
            own = [each for each in _read(fd) if each.pathology == pathology]
            if any((each.what, each.rules) == ("answered", rules) for each in own):
                return True
            may = self._counted(own) < MOST
            last = own[-1] if own else None
            if may or last is None or (last.what, last.rules) != ("refused", rules):
                what: What = "answered" if may else "refused"
                named = changed[:_CHANGED]
                self._append(fd, Entry(self._moment(), pathology, what, rules, cde, job, named))
            return may

    def allow(self, pathology: str) -> None:
        """The hospital allows as many again, from now on."""
        with names(self._path), exclusive(self._path, os.O_APPEND) as fd:
            self._append(fd, Entry(self._moment(), pathology, "allowed"))

    def history(self) -> tuple[Entry, ...]:
        """All entries that are kept, the oldest first."""
        try:
            return tuple(_entries(self._path.read_bytes()))
        except FileNotFoundError:
            return ()

    def left(self, pathology: str) -> int:
        """How many new CDEs of it are still answered."""
        own = [each for each in self.history() if each.pathology == pathology]
        return max(0, MOST - self._counted(own))

    def _counted(self, own: list[Entry]) -> int:
        """Those that were answered within the time, since the hospital allowed more."""
        begin = (self._now() - WITHIN).isoformat(timespec="seconds")
        allowed = max((n for n, each in enumerate(own) if each.what == "allowed"), default=-1)
        return sum(each.what == "answered" and each.when > begin for each in own[allowed + 1 :])

    def _moment(self) -> str:
        return self._now().isoformat(timespec="seconds")

    def _append(self, fd: int, entry: Entry) -> None:
        before = _content(fd)
        line = _line(entry)
        if before and not before.endswith(b"\n"):
            line = b"\n" + line  # what a power cut left is a line of its own
        if len(before) + len(line) <= _BYTES:
            os.write(fd, line)
            os.fsync(fd)
            return
        # what counts is kept, however many were refused since
        begin = (self._now() - WITHIN).isoformat(timespec="seconds")
        old = before[:-_KEPT]
        counting = [each for each in _entries(old) if each.what != "refused" and each.when > begin]
        kept = before[-_KEPT:].partition(b"\n")[2]
        atomic.replace(self._path, b"".join(map(_line, counting)) + kept + line, mode=0o600)


def refused(
    data_path: Path, state: Path, cdes: Mapping[str, bytes], *, job: str, subjectcode: bool
) -> frozenset[str]:
    """The pathologies about whose CDE to come the node does not answer; the others are recorded.

    The CDE that a folder has is none to come, and a pathology that the node lacks tells nothing.
    """
    trials = Trials(state)
    try:
        home = Folder.at(data_path)
        there = pathologies(home).names
    except OSError:  # collecting reports it
        return frozenset()
    out = set()
    for name in there:
        if (content := cdes.get(name)) is None:
            continue
        to_come = parse(content, pathology=name)
        rules = rules_digest(to_come, subjectcode=subjectcode)
        own = _own(home, name)
        if own is not None and rules_digest(own, subjectcode=subjectcode) == rules:
            continue
        changed = changed_rules(own, to_come) if own else ()
        if not trials.may_ask(name, rules, cde=to_come.sha256, job=job, changed=changed):
            out.add(name)
    return frozenset(out)


def _own(home: Folder, pathology: str) -> Cde | None:
    """The CDE of that folder, if there is one that can be used."""
    try:
        return parse(cde_content(home.folder(pathology)), pathology=pathology)
    except (CdeInvalid, UnsafeName, OSError):
        return None


def with_asked(
    memory: InventoryCache, rules: CdeRules, digests: list[str], to_come: Cde, own: str | None
) -> list[str]:
    """The digest of the CDE to come besides those of the folder's; it is remembered as asked about.

    ``own`` is the SHA-256 of the folder's CDE, ``digests`` that of its rules, [] where it has none
    that can be used: then the first one that is asked about is taken for its own.
    """
    name, digest = to_come.pathology, rules.to_come(to_come)
    last = memory.asked(name, own)
    if digests:
        before = rules.cde(digests[0]) if digest != digests[0] else to_come
        asked = Asked(digest, own, changed_rules(before, to_come))
    elif last is not None and last.digest == digest:
        asked = last
    else:
        new = () if last is None else tuple(each.code for each in to_come.variables)
        asked = Asked(digest, own, new)
    memory.keep_asked(name, asked)
    return digests if digest in digests else [*digests, digest]


def without_answers(record: FileRecord, asked: Asked | None, min_count: int) -> FileRecord:
    """The record without warnings of few rows about what the CDE to come judges otherwise.

    Bounds and enumerations that are moved until a warning comes or goes would tell a value. Once
    that CDE is the folder's own, they are reported.
    """
    if asked is None or not asked.changed:
        return record
    changed = frozenset(asked.changed)
    rows = record.rows if isinstance(record.rows, int) else 0

    def tells(problem: Problem) -> bool:
        definition = problem.definition
        if not definition.about_values or definition.hard or problem.column not in changed:
            return True
        return problem.count >= min_count and rows >= 2 * min_count

    found = tuple(each for each in record.verified.get(asked.digest, ()) if tells(each))
    if len(found) == len(record.verified.get(asked.digest, ())):
        return record
    return replace(record, verified={**record.verified, asked.digest: found})


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _read(fd: int) -> Iterator[Entry]:
    return _entries(_content(fd))


def _entries(content: bytes) -> Iterator[Entry]:
    """Its lines; one that a power cut broke, or a later version wrote, is left out."""
    for line in content.splitlines():
        try:
            yield decode_state(Entry, json.loads(line.decode("utf-8", "surrogatepass")))
        except ValueError:
            continue


def _line(entry: Entry) -> bytes:
    value: Mapping[str, object] = {key: each for key, each in asdict(entry).items() if each}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass") + b"\n"
