"""Whether the data of this node has settled in a state that the pusher has not seen.

A scan only stats. What it finds becomes one number, a *mark*: the sum of one number per file, so
that our own write is accounted for by subtracting the old file's number and adding the new one's,
and a simultaneous change by others remains visible. The pusher's gather acknowledges the mark that
it saw (:func:`acknowledge`). While the data have another mark and were left alone for ``settle``
seconds, :func:`must_report` is true, at growing intervals, since some reports get lost.

All of it is on disk: a restart neither loses a change nor reports one twice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from saltext_mip.data import data_path as folders
from saltext_mip.data.data_path import STATE_FILE
from saltext_mip.federation import CDE_FILE, ENROLLED_FILE
from saltext_mip.node.context import NodeContext
from saltext_mip.storage import state as files_state_state

ACKNOWLEDGED = "looked.json"  # by jobs: what the pusher has seen
WATCHED = "watched.json"  # by the beacon: what it has said
AGAIN = 10.0  # seconds, at the least, until it is said again: a gather takes some of them
_SIZE = 16  # bytes of a mark
_ALL = 1 << 8 * _SIZE


@dataclass(frozen=True)
class Fingerprint:
    """What is there, as a mark, and when a file of it changed last (seconds of its clock)."""

    mark: int
    newest: float = 0.0


@dataclass(frozen=True)
class Reminder:
    """Something that the pusher has not seen: since when it is so, how often and when to say it."""

    mark: int
    since: float
    said: int
    due: float


def beacons(here: NodeContext) -> dict[str, float]:
    """The beacons that a node needs, and how often each looks, in seconds."""
    if not here.has_data:
        return {}
    interval = max(1.0, min(5.0, here.federation.settings["reactor"]["settle"] / 5))
    wanted = {"mip_data": interval}
    if here.node.role == "master":
        wanted["mip_services"] = 30.0
    return wanted


def scan(data_path: Path, state: Path) -> Fingerprint:
    """What stands in the data path: CSV files and CDEs, by name, size, mtime and inode.

    A data path that is enrolled and not mounted, or not to be read, is something of its own.
    """
    if _enrolled(data_path, state) and not (data_path / ENROLLED_FILE).is_file():
        return Fingerprint(mark("MountGone"))
    try:
        return _scan(data_path)
    except OSError as error:
        return Fingerprint(mark("Unreadable", error.errno))


def _scan(data_path: Path) -> Fingerprint:
    total, newest = 0, 0.0
    with os.scandir(data_path) as pathologies:
        for folder in pathologies:
            if folder.name.startswith("."):
                continue
            try:
                if not folder.is_dir():
                    continue
                with os.scandir(folder.path) as entries:
                    for entry in entries:
                        if is_data(entry.name):
                            number, changed = _entry(folder.name, entry)
                            total += number
                            newest = max(newest, changed)
            except OSError as error:
                total += mark("Unreadable", folder.name, error.errno)
    return Fingerprint(total % _ALL, newest)


def _entry(pathology: str, entry: os.DirEntry[str]) -> tuple[int, float]:
    try:
        status = entry.stat()
    except OSError as error:  # a link that leads nowhere, a file that went just now
        return mark("Unreadable", pathology, entry.name, error.errno), 0.0
    return _file(pathology, entry.name, status), status.st_ctime


def is_data(name: str) -> bool:
    """Whether a file of that name, in a pathology's folder, is watched."""
    return name == CDE_FILE or (name.endswith(folders.CSV) and not name.startswith("."))


def step(
    watch: Reminder | None,
    seen: Fingerprint,
    noted: int,
    now: float,
    *,
    settle: float,
    resync: float,
    interval: float,
) -> tuple[Reminder | None, bool]:
    """What to remember of this look, and whether to say it.

    ``interval`` is the time since the look before: a change is not older, whatever its file's time.
    """
    if seen.mark == noted:
        return None, False
    if watch is None or watch.mark != seen.mark:
        age = min(max(now - seen.newest, 0.0), interval)
        watch = Reminder(seen.mark, now - age, 0, now - age + settle)
    if now < watch.since or watch.due > now + max(settle, resync):  # the clock was put back
        watch = Reminder(watch.mark, now, watch.said, now + settle)
    if now < watch.due:
        return watch, False
    pause = min(max(settle, AGAIN) * 2 ** min(watch.said, 30), max(settle, resync))
    return Reminder(watch.mark, watch.since, watch.said + 1, now + pause), True


def settling(state: Path, seen: Fingerprint, settle: float, now: float) -> bool:
    """Whether somebody is at it: something is new, and a file changed within ``settle`` seconds."""
    return seen.mark != _acknowledged(state) and now - seen.newest < settle


@dataclass(frozen=True)
class Timers:
    """Seconds, as :func:`step` has them."""

    settle: float
    resync: float
    interval: float

    def tell(self, path: Path, seen: Fingerprint, noted: int, now: float) -> bool:
        """Remember in ``path`` what was seen, and tell whether the pusher should be told."""
        before = _watch(_read(path))
        watch, say = step(
            before,
            seen,
            noted,
            now,
            settle=self.settle,
            resync=self.resync,
            interval=self.interval,
        )
        if watch is None and before is not None:
            files_state_state.remove_state(path)
        elif watch is not None and watch != before:
            files_state_state.write_state(path, {**asdict(watch), "mark": f"{watch.mark:032x}"})
        return say


def must_report(data_path: Path, state: Path, clocks: Timers, now: float) -> bool:
    """Look, and tell whether the pusher should be told of the data."""
    return clocks.tell(state / WATCHED, scan(data_path, state), _acknowledged(state), now)


def acknowledge(state: Path, seen: Fingerprint) -> None:
    """The pusher knows what was ``seen``."""
    files_state_state.write_state(state / ACKNOWLEDGED, {"mark": f"{seen.mark:032x}"})


@contextmanager
def own_changes(data_path: Path | None, state: Path) -> Iterator[None]:
    """What is written to CDEs within is our own, and no news."""
    if data_path is None:
        yield
        return
    before = _cdes(data_path)
    try:
        yield
    finally:
        after = _cdes(data_path)
        if after != before:
            acknowledge(state, Fingerprint((_acknowledged(state) - before + after) % _ALL))


def _cdes(data_path: Path) -> int:
    total = 0
    try:
        with os.scandir(data_path) as pathologies:
            names = [folder.name for folder in pathologies if not folder.name.startswith(".")]
    except OSError:
        return 0
    for name in names:
        try:
            total += _file(name, CDE_FILE, (data_path / name / CDE_FILE).stat())
        except OSError:
            continue
    return total % _ALL


def _file(pathology: str, name: str, status: os.stat_result) -> int:
    return mark(pathology, name, status.st_size, status.st_mtime_ns, status.st_ino)


def mark(*facts: object) -> int:
    """One number for these facts."""
    text = "\0".join(map(str, facts)).encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.blake2b(text, digest_size=_SIZE).digest(), "big")


def _enrolled(data_path: Path, state: Path) -> bool:
    value = _read(state / STATE_FILE)
    return isinstance(value, Mapping) and value.get("data_path") == str(data_path)


def _acknowledged(state: Path) -> int:
    """What the pusher has seen; nothing, where it never looked."""
    value = _read(state / ACKNOWLEDGED)
    try:
        return int(value["mark"], 16)
    except (KeyError, TypeError, ValueError):
        return 0


def _watch(value: Any) -> Reminder | None:
    try:
        return Reminder(int(value["mark"], 16), value["since"], value["said"], value["due"])
    except (KeyError, TypeError, ValueError):
        return None


def _read(path: Path) -> Any:
    try:
        return files_state_state.read_state(path)
    except files_state_state.StateBroken:  # then all of it is news, once
        return None
