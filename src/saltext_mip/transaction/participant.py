"""The node's side of a two-phase commit: write everything beside its target, rename it, or drop it.

What a transaction will do is written in the node's state before anything else is, so that it can
be committed by another process, committed again after a crash between any two renames, or dropped
without a trace. One transaction is known at a time; the next one's ``stage`` drops what an older
one left. What is done for one file or folder is in :mod:`saltext_mip.transaction.file_ops`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from saltext_mip.data import data_path
from saltext_mip.errors import NodeError
from saltext_mip.storage import state
from saltext_mip.storage.lock import lock
from saltext_mip.transaction.file_ops import DO, drop, works
from saltext_mip.transaction.payload import Database, Entry, Kind, Place

__all__ = ["Database", "Entry", "Kind", "Place", "abort", "commit", "stage"]

_WAIT = 300.0  # seconds for another step on this node


class StagingFailed(NodeError):
    """{node}: cannot write {path}: {reason}. Nothing was changed."""


class CommitFailed(NodeError):
    """{node}: cannot rename {path} into place: {reason}. The next run continues."""


class DropFailed(NodeError):
    """{node}: cannot remove {path}: {reason}. The next staging tries again."""


class NotStaged(NodeError):
    """{node}: this transaction is not staged here: nothing was changed."""


def stage(
    place: Place, txn: str, entries: Sequence[Entry], *, database: Database | None = None
) -> tuple[Path, ...]:
    """Write all ``entries`` beside their places; the targets of those that differ.

    ``database`` is given where a pathology's folder may be new: on the master. Any error
    (:class:`StagingFailed`, ``NoPlace``, ``MountGone``, ``UnsafeName``…) leaves nothing of this
    transaction.
    """
    with _alone(place, StagingFailed):
        if place.data_path is not None:
            data_path.check(place.data_path, place.state, node=place.node)
        with _disk_errors(StagingFailed, place):
            _drop(place, _read(place))
            todo = [work for entry in entries for work in works(place, entry, database)]
        items = [item for work in todo for item in work.items]
        record = {"txn": txn, "phase": "staging", "items": items}
        try:
            with _disk_errors(StagingFailed, place, place.state / state.STAGED):
                _write(place, record)
            for work in todo:
                with _disk_errors(StagingFailed, place, work.target):
                    work.write()
            with _disk_errors(StagingFailed, place, place.state / state.STAGED):
                _write(place, {**record, "phase": "staged"})
        except BaseException:
            # What a broken disk does not remove now, the next staging drops.
            with suppress(OSError):
                _forget(place, record)
            raise
    return tuple(work.target for work in todo)


def commit(place: Place, txn: str) -> tuple[Path, ...]:
    """Rename everything staged into place and enrol the data path; returns the targets.

    Called again, after a crash or at the end, it does the rest. :class:`NotStaged` if it is
    not this transaction that is staged, :class:`CommitFailed` if a rename fails: what was renamed
    stays, the rest can be committed again.
    """
    with _alone(place, CommitFailed):
        record = _read(place)
        if record is None or record["txn"] != txn or record["phase"] == "staging":
            raise NotStaged(node=place.node)
        if place.data_path is not None:
            data_path.check(place.data_path, place.state, node=place.node)
        for item in record["items"]:
            with _disk_errors(CommitFailed, place, item["target"]):
                DO[item["do"]](place, item)
        with _disk_errors(CommitFailed, place):
            if place.data_path is not None:
                data_path.enrol(place.data_path, place.state, federation=place.federation)
            if record["phase"] != "committed":
                _write(place, {"txn": txn, "phase": "committed", "items": []})
    return tuple(Path(item["target"]) for item in record["items"] if item["do"] != "mkdir")


def abort(place: Place, txn: str) -> bool:
    """Drop what is staged for ``txn``; False if there is nothing of it, or it is committed."""
    with _alone(place, DropFailed):
        record = _read(place)
        if record is None or record["txn"] != txn or record["phase"] == "committed":
            return False
        with _disk_errors(DropFailed, place):
            _forget(place, record)
        return True


@contextmanager
def _alone(place: Place, failed: type[NodeError]) -> Iterator[None]:
    """One step at a time on a node: a late job must not mix with the next run's."""
    with ExitStack() as stack:
        with _disk_errors(failed, place, place.state):
            path = place.state / state.STAGING_LOCK
            stack.enter_context(lock(path, federation=place.federation, holder="", wait=_WAIT))
        yield


@contextmanager
def _disk_errors(
    failed: type[NodeError], place: Place, path: Path | str | None = None
) -> Iterator[None]:
    """Errors of the disk, with the node, the path and the reason."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        number = error.errno if isinstance(error, OSError) else None
        name = error.filename if isinstance(error, OSError) else None
        raise failed(
            node=place.node,
            path=path or name or place.data_path or place.state,
            reason=os.strerror(number) if number else str(error),
        ) from error


def _read(place: Place) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] | None = state.read_state(place.state / state.STAGED)
    except state.StateBroken:
        # Nothing is known to be staged; leftovers are swept by the next write.
        return None
    return record


def _write(place: Place, record: Mapping[str, Any]) -> None:
    state.write_state(place.state / state.STAGED, record)


def _forget(place: Place, record: Mapping[str, Any]) -> None:
    _drop(place, record)
    state.remove_state(place.state / state.STAGED)


def _drop(place: Place, record: Mapping[str, Any] | None) -> None:
    for item in record["items"] if record else ():
        drop(place, item)
