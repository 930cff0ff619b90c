"""Whether the data of this node has settled in a state that the pusher has not seen.

A scan only stats; the beacon has it done by :mod:`saltext_mip.node.data_watcher`. What it finds
becomes one number, a *mark*: the sum of one number per file, so that our own write is accounted for
by subtracting the old file's number and adding the new one's, and a simultaneous change by others
remains visible. A CSV file that a program has open for writing is left out until it is closed. The
pusher's gather acknowledges the mark that it saw (:func:`acknowledge`). While the data have another
mark and were left alone for ``settle`` seconds, :func:`report_due` is true, at growing intervals,
since some reports get lost.

All of it is on disk: a restart neither loses a change nor reports one twice.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saltext_mip.data import data_path as data_paths
from saltext_mip.data import file_names
from saltext_mip.data.csvfile import open_files
from saltext_mip.federation import CDE_FILE
from saltext_mip.node.context import NodeContext
from saltext_mip.node.reminders import (
    MARK_BYTES,
    Fingerprint,
    Timers,
    mark,
    mark_to_json,
    read_or_none,
)
from saltext_mip.storage.beneath import Folder
from saltext_mip.storage.hanging import Step
from saltext_mip.storage.state import DATA_ACKNOWLEDGED, DATA_REMINDER, StateBroken, write_state

_ALL = 1 << 8 * MARK_BYTES


def beacon_intervals(context: NodeContext) -> dict[str, float]:
    """The beacons that a node needs, and how often each scans, in seconds."""
    if not context.has_data:
        return {}
    settle = context.federation.settings["reactor"]["settle"]
    intervals = {"mip_data": max(1.0, min(5.0, settle / 5))}
    if context.node.role == "master":
        intervals["mip_services"] = max(5.0, min(30.0, settle))
    return intervals


def _no_step() -> None:
    pass


def scan(
    data_path: Path, state: Path, now: float | None = None, step: Step = _no_step
) -> Fingerprint:
    """The data path's CSV files and CDEs, and its list of allowed datasets, by name, size, mtime
    and ctime.

    A data path that is enrolled and not mounted, or not readable, has a fingerprint of its own.
    Inode numbers are not part of it: on CIFS and FUSE they may differ at each look, and where a
    file is replaced by one of the same size and mtime, its ctime is another.
    ``step`` is called after each answer of the disk.
    """
    try:
        if _is_gone(data_path, state):
            return Fingerprint(mark("MountGone"))
        step()
        return _scan(data_path, time.time() if now is None else now, step)
    except OSError as error:
        return Fingerprint(mark("Unreadable", error.errno))


def _is_gone(data_path: Path, state: Path) -> bool:
    try:
        return data_paths.is_gone(data_path, state)
    except StateBroken:  # a gather reports it
        return False


def _scan(data_path: Path, now: float, step: Step) -> Fingerprint:
    total, newest = 0, 0.0
    with Folder.at(data_path) as home, home.scan() as pathologies:
        for folder in pathologies:
            step()
            if folder.name.startswith("."):
                continue
            if folder.name == data_paths.ALLOWED_DATASETS:
                number, changed = _entry("", home, folder, now)
                total, newest = total + number, max(newest, changed)
            try:
                if not folder.is_dir():
                    continue
                with home.folder(folder.name) as inner, inner.scan() as entries:
                    for entry in entries:
                        step()
                        if is_data(entry.name):
                            number, changed = _entry(folder.name, inner, entry, now)
                            total += number
                            newest = max(newest, changed)
            except OSError as error:
                total += mark("Unreadable", folder.name, error.errno)
    return Fingerprint(total % _ALL, newest)


def _entry(
    pathology: str, folder: Folder, entry: os.DirEntry[str], now: float
) -> tuple[int, float]:
    try:
        status = entry.stat()
    except OSError as error:  # a dangling link, or a file that was just removed
        return mark("Unreadable", pathology, entry.name, error.errno), 0.0
    if entry.name != CDE_FILE and open_files.path_is_written(folder / entry.name, status, now):
        return 0, 0.0
    return _file(pathology, entry.name, status), status.st_ctime


def open_for_long(data_path: Path, now: float) -> dict[str, list[str]]:
    """The CSV files, by pathology, that a program has open and has not written for a while."""
    found: dict[str, list[str]] = {}
    home = Folder.at(data_path)
    for pathology in data_paths.pathologies(home).names:
        try:
            folder = home.folder(pathology)
        except OSError:  # the inventory reports it
            continue
        for name in data_paths.csv_files(folder).names:
            path = folder / name
            try:
                status = path.stat()
            except OSError:  # the inventory reports it
                continue
            age = now - status.st_ctime
            if age >= open_files.LONG and open_files.path_is_written(path, status, now):
                found.setdefault(pathology, []).append(name)
    return found


def is_data(name: str) -> bool:
    """Whether a file of that name, in a pathology's folder, is watched."""
    return name == CDE_FILE or (name.endswith(file_names.CSV) and not name.startswith("."))


def settling(state: Path, observed: Fingerprint, settle: float, now: float) -> bool:
    """Whether files are being changed: the state is new, and a file changed within ``settle`` s."""
    return observed.mark != _acknowledged(state) and now - observed.newest < settle


def report_due(state: Path, observed: Fingerprint, timers: Timers, now: float) -> bool:
    """Whether to report the ``observed`` state of the data to the pusher now."""
    return timers.report_due(state / DATA_REMINDER, observed, _acknowledged(state), now)


def acknowledge(state: Path, observed: Fingerprint) -> None:
    """The pusher has seen the ``observed`` state."""
    write_state(state / DATA_ACKNOWLEDGED, {"mark": mark_to_json(observed.mark)})


@contextmanager
def own_changes(data_path: Path | None, state: Path) -> Iterator[None]:
    """CDEs that are written within are our own changes: no reason to report."""
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
        home = Folder.at(data_path)
        with home.scan() as pathologies:
            names = [folder.name for folder in pathologies if not folder.name.startswith(".")]
    except OSError:
        return 0
    for name in names:
        try:
            total += _file(name, CDE_FILE, (home.folder(name) / CDE_FILE).stat())
        except OSError:
            continue
    return total % _ALL


def _file(pathology: str, name: str, status: os.stat_result) -> int:
    return mark(pathology, name, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _acknowledged(state: Path) -> int:
    """The mark that the pusher has seen; 0 where it never looked."""
    try:
        return int((read_or_none(state / DATA_ACKNOWLEDGED) or {})["mark"], 16)
    except (KeyError, TypeError, ValueError):
        return 0
